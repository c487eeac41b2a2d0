//! What is stored, in the text format of Prometheus: for its node exporter's text file collector, or any eyes.

use std::fmt::Write;

use crate::store::quota::Usage;

/// One figure of an account: its name, what it is, and where it stands.
type Figure = (&'static str, &'static str, fn(&Usage) -> u64);

const FIGURES: [Figure; 6] = [
    ("media_bytes", "Bytes of pictures and sounds.", |usage| {
        usage.quota_used_bytes
    }),
    (
        "media_quota_bytes",
        "Bytes of pictures and sounds that are allowed.",
        |usage| usage.quota_limit_bytes,
    ),
    ("media_blobs", "Pictures and sounds.", |usage| usage.blobs),
    ("document_bytes", "Bytes of changes.", |usage| {
        usage.document_bytes
    }),
    ("documents", "Documents.", |usage| usage.documents),
    ("devices", "Devices.", |usage| usage.devices),
];

/// Each figure of each account, and of all together.
pub(super) fn text(accounts: &[(String, Usage)]) -> String {
    let mut text = String::new();
    for (name, help, of) in FIGURES {
        let total: u64 = accounts.iter().map(|(_, usage)| of(usage)).sum();
        let mut line = |words: std::fmt::Arguments<'_>| {
            // Writing to a String does not fail.
            text.write_fmt(words).ok();
            text.push('\n');
        };
        line(format_args!("# HELP memoryvault_account_{name} {help}"));
        line(format_args!("# TYPE memoryvault_account_{name} gauge"));
        for (user, usage) in accounts {
            line(format_args!(
                "memoryvault_account_{name}{{user=\"{user}\"}} {}",
                of(usage)
            ));
        }
        line(format_args!(
            "# HELP memoryvault_{name} {help} All accounts."
        ));
        line(format_args!("# TYPE memoryvault_{name} gauge"));
        line(format_args!("memoryvault_{name} {total}"));
    }
    text
}
