//! Pictures and sounds over plain HTTP, for clients that are no device: sent to be prepared, read in parts, shared by links.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use tests::{Answered, Device, Login, Server, ServerOptions, noise_png, number, png, text, wav};

/// A word that the scanner of these tests takes for malware.
const MALWARE: &[u8] = b"this-is-malware";

fn post(server: &Server, token: &str, path: &str, bytes: &[u8]) -> Answered {
    let bearer = format!("Bearer {token}");
    server.request("POST", path, &[("authorization", &bearer)], bytes)
}

fn get(server: &Server, token: &str, path: &str, headers: &[(&str, &str)]) -> Answered {
    let bearer = format!("Bearer {token}");
    let mut all = vec![("authorization", bearer.as_str())];
    all.extend(headers);
    server.request("GET", path, &all, b"")
}

fn used(server: &Server, login: &Login) -> u64 {
    let usage = server.http("GET", "/v1/usage", Some(&login.token), None).1;
    number(&usage, "quota_used_bytes")
}

fn code(answered: &Answered) -> (u16, String) {
    let code = text(&answered.json()["error"], "code").to_owned();
    (answered.status, code)
}

#[test]
fn a_picture_is_prepared_once_and_read_in_whole_and_in_part() {
    let server = Server::new();
    let login = Login::register(&server, "ada");
    let upload = noise_png(1, 600, 300);
    let first = post(&server, &login.token, "/v1/media?name=cat.png", &upload);
    assert_eq!(first.status, 201, "{}", first.json());
    let made = first.json();
    assert_eq!(
        (number(&made, "width_px"), number(&made, "height_px")),
        (600, 300)
    );
    assert_eq!((number(&made, "frames"), text(&made, "kind")), (1, "image"));
    assert_eq!(
        (text(&made, "name"), made["known"].as_bool()),
        ("cat.png", Some(false))
    );
    assert_eq!(
        text(&made, "source"),
        blake3::hash(&upload).to_hex().as_str()
    );

    let again = post(&server, &login.token, "/v1/media?name=other.png", &upload);
    assert_eq!(
        (again.status, again.json()["known"].as_bool()),
        (200, Some(true))
    );
    assert_eq!(again.json()["blob"], made["blob"]);
    assert_eq!(used(&server, &login), number(&made, "bytes"));

    let path = text(&made["links"], "blob");
    let whole = get(&server, &login.token, path, &[]);
    assert_eq!(whole.status, 200);
    assert_eq!(
        blake3::hash(&whole.body).to_hex().as_str(),
        text(&made, "blob")
    );
    assert_eq!(whole.header("content-type"), "image/png");
    assert_eq!(whole.header("x-content-type-options"), "nosniff");
    assert!(
        whole
            .header("content-disposition")
            .starts_with("inline; filename=")
    );
    assert!(whole.header("cache-control").contains("immutable"));
    let etag = whole.header("etag").to_owned();
    assert_eq!(
        get(&server, &login.token, path, &[("if-none-match", &etag)]).status,
        304
    );

    let part = get(&server, &login.token, path, &[("range", "bytes=10-19")]);
    assert_eq!((part.status, &part.body[..]), (206, &whole.body[10..20]));
    let len = whole.body.len();
    assert_eq!(part.header("content-range"), format!("bytes 10-19/{len}"));
    let end = get(&server, &login.token, path, &[("range", "bytes=-7")]);
    assert_eq!((end.status, &end.body[..]), (206, &whole.body[len - 7..]));
    for all in ["bytes=-9999999", "bytes=0-9999999"] {
        let all = get(&server, &login.token, path, &[("range", all)]);
        assert_eq!((all.status, &all.body), (206, &whole.body));
    }
    for unread in ["bytes=cat", "bytes=0-1,4-5", "bytes=9-3", "lines=1-2"] {
        let unread = get(&server, &login.token, path, &[("range", unread)]);
        assert_eq!((unread.status, &unread.body), (200, &whole.body));
    }
    let open = format!("bytes={}-", len - 3);
    let open = get(&server, &login.token, path, &[("range", &open)]);
    assert_eq!((open.status, &open.body[..]), (206, &whole.body[len - 3..]));
    let beyond = format!("bytes={len}-");
    let beyond = get(&server, &login.token, path, &[("range", &beyond)]);
    assert_eq!(beyond.status, 416);
    assert_eq!(beyond.header("content-range"), format!("bytes */{len}"));
    let changed = [("range", "bytes=0-1"), ("if-range", "\"another\"")];
    assert_eq!(get(&server, &login.token, path, &changed).body, whole.body);

    let bearer = format!("Bearer {}", login.token);
    let head = server.request("HEAD", path, &[("authorization", &bearer)], b"");
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(head.header("content-length"), len.to_string());

    let small = text_at(&made["links"]["thumbnails"], 0);
    let small = get(&server, &login.token, &small, &[]);
    assert_eq!(
        (small.status, small.header("content-type")),
        (200, "image/webp")
    );
    assert_eq!(&small.body[8..12], b"WEBP");
    let odd = get(&server, &login.token, &format!("{path}/thumbnail/300"), &[]);
    assert_eq!(odd.status, 404);
}

fn text_at(list: &serde_json::Value, place: usize) -> String {
    list[place].as_str().expect("a text").to_owned()
}

#[test]
fn a_sound_becomes_an_mp3_with_its_figures() {
    let server = Server::new();
    let login = Login::register(&server, "ada");
    let made = post(
        &server,
        &login.token,
        "/v1/media?name=word.wav",
        &wav(1, 700),
    );
    let made = made.json();
    assert_eq!(
        (text(&made, "mime"), text(&made, "kind")),
        ("audio/mpeg", "audio")
    );
    assert_eq!(text(&made, "name"), "word.mp3");
    assert!(number(&made, "duration_ms").abs_diff(700) < 60, "{made}");
    assert!(made["links"].get("thumbnails").is_none());
}

#[test]
fn server_and_devices_make_the_same_bytes_of_an_upload() {
    let server = Server::new();
    let login = Login::register(&server, "ada");
    let uploads = [
        ("word.wav", "--front-audio", wav(5, 1_500)),
        ("large.png", "--front-image", noise_png(5, 1_400, 1_000)),
    ];
    for (name, option, upload) in uploads {
        let made = post(
            &server,
            &login.token,
            &format!("/v1/media?name={name}"),
            &upload,
        )
        .json();
        for device in ["phone", "laptop"].map(Device::new) {
            let deck = device.add_deck("D");
            let path = device.file(name, &upload);
            let path = path.to_str().expect("plain paths");
            let card = device.add(&["--deck", &deck, option, path, "--back", "x"]);
            assert_eq!(
                device.show(&card)["front"][0]["blob"],
                made["blob"],
                "{name}"
            );
        }
        assert_ne!(made["blob"], made["source"], "{name} was to be encoded");
    }
}

#[test]
fn what_is_another_accounts_is_as_absent_as_what_nobody_has() {
    let server = Server::new();
    let (ada, bob) = (
        Login::register(&server, "ada"),
        Login::register(&server, "bob"),
    );
    let made = post(&server, &ada.token, "/v1/media?name=cat.png", &png(1)).json();
    let path = text(&made["links"], "blob");
    let theirs = get(&server, &bob.token, path, &[]);
    let nobodys = format!("/v1/blobs/{}", "ab".repeat(32));
    let nobodys = get(&server, &bob.token, &nobodys, &[]);
    assert_eq!((theirs.status, theirs.json()), (404, nobodys.json()));
    assert_eq!(server.request("GET", path, &[], b"").status, 401);
    let link = format!("{path}/link");
    let refused = server.http(
        "POST",
        &link,
        Some(&bob.token),
        Some(&serde_json::json!({})),
    );
    assert_eq!(refused.0, 404);
}

#[test]
fn a_link_opens_one_blob_without_a_token_until_it_is_changed() {
    let mut server = Server::new();
    let login = Login::register(&server, "ada");
    let made = post(&server, &login.token, "/v1/media?name=cat.png", &png(1)).json();
    let other = post(&server, &login.token, "/v1/media?name=dog.png", &png(2)).json();
    let link = format!("{}/link", text(&made["links"], "blob"));
    let ask = |body| server.http("POST", &link, Some(&login.token), Some(&body));
    let (status, given) = ask(serde_json::json!({ "seconds": 600 }));
    assert_eq!(status, 200, "{given}");
    let path = text(&given, "path").to_owned();
    for seconds in [0, 24 * 3600 + 1] {
        assert_eq!(ask(serde_json::json!({ "seconds": seconds })).0, 400);
    }
    server.kill();
    server.restart();
    let opened = server.request("GET", &path, &[], b"");
    assert_eq!(opened.status, 200);
    assert_eq!(
        blake3::hash(&opened.body).to_hex().as_str(),
        text(&made, "blob")
    );
    let expires = text(&given, "path").split("expires=").nth(1).unwrap();
    let expires = &expires[..expires.find('&').unwrap()];
    let end = if path.ends_with('0') { '1' } else { '0' };
    let other_end = format!("{}{end}", &path[..path.len() - 1]);
    let changed = [
        path.replace(text(&made, "blob"), text(&other, "blob")),
        path.replace(expires, "99999999999"),
        path.replace("signature=", "signature=0"),
        other_end,
    ];
    for path in changed {
        assert_eq!(server.request("GET", &path, &[], b"").status, 404, "{path}");
    }
}

#[test]
fn what_is_no_picture_or_too_much_is_refused_and_leaves_nothing() {
    let server = Server::start(ServerOptions {
        quota_bytes: Some(2_000),
        ..ServerOptions::default()
    });
    let login = Login::register(&server, "ada");
    let send = |path: &str, bytes: &[u8]| post(&server, &login.token, path, bytes);
    let page = b"<html><script>alert(1)</script></html>";
    let refused = send("/v1/media?name=cat.png", page);
    assert_eq!(code(&refused), (422, "media_refused".to_owned()));
    let named = send("/v1/media?name=cat.jpg", &png(1));
    assert_eq!(code(&named), (422, "media_refused".to_owned()));
    let bearer = format!("Bearer {}", login.token);
    let typed = [
        ("authorization", bearer.as_str()),
        ("content-type", "image/jpeg"),
    ];
    let typed = server.request("POST", "/v1/media?name=cat", &typed, &png(1));
    assert_eq!(code(&typed), (422, "media_refused".to_owned()));
    let mut large = png(1);
    large.resize(10 * 1_048_576 + 1, 0);
    let large = send("/v1/media?name=cat.png", &large);
    assert_eq!(code(&large), (413, "too_large".to_owned()));
    let much = send("/v1/media?name=cat.png", &noise_png(3, 100, 100));
    assert_eq!(code(&much), (507, "over_quota".to_owned()));
    assert_eq!(used(&server, &login), 0);
    assert_eq!(
        server.request("POST", "/v1/media", &[], &png(1)).status,
        401
    );
}

#[test]
fn who_sends_too_many_is_told_how_long_to_wait() {
    let server = Server::new();
    let login = Login::register(&server, "ada");
    let send = || post(&server, &login.token, "/v1/media?name=cat.png", b"");
    let turned_away = (0..1_000)
        .map(|_| send())
        .find(|answer| answer.status != 422);
    let turned_away = turned_away.expect("there is a bound");
    assert_eq!(code(&turned_away), (429, "too_many_requests".to_owned()));
    assert!(
        turned_away
            .header("retry-after")
            .parse::<u64>()
            .is_ok_and(|wait| wait > 0)
    );
    let other = Login::register(&server, "bob");
    let other = post(&server, &other.token, "/v1/media?name=cat.png", &png(1));
    assert_eq!(other.status, 201, "another account is not held up");
}

/// A clamd that knows one word, on a port of its own.
fn scanner() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    thread::spawn(move || {
        for socket in listener.incoming() {
            scan(socket.expect("a connection")).ok();
        }
    });
    address
}

fn scan(mut socket: TcpStream) -> std::io::Result<()> {
    let mut command = [0; 10];
    socket.read_exact(&mut command)?;
    assert_eq!(&command, b"zINSTREAM\0");
    let mut bytes = Vec::new();
    loop {
        let mut len = [0; 4];
        socket.read_exact(&mut len)?;
        let len = u32::from_be_bytes(len) as usize;
        if len == 0 {
            break;
        }
        let begin = bytes.len();
        bytes.resize(begin + len, 0);
        socket.read_exact(&mut bytes[begin..])?;
    }
    let infected = bytes.windows(MALWARE.len()).any(|window| window == MALWARE);
    socket.write_all(match infected {
        true => b"stream: Test.Malware FOUND\0",
        false => b"stream: OK\0",
    })
}

/// A picture that carries the word where a device keeps it.
fn infected_wav() -> Vec<u8> {
    let mut bytes = wav(1, 700);
    let at = bytes.len() - 2 * MALWARE.len();
    bytes[at..at + MALWARE.len()].copy_from_slice(MALWARE);
    bytes
}

#[test]
fn what_a_scanner_knows_is_refused_by_name_and_without_one_nothing_is_stored() {
    let mut server = Server::start(ServerOptions {
        clamd: Some(scanner()),
        ..ServerOptions::default()
    });
    let login = Login::register(&server, "ada");
    let infected = post(
        &server,
        &login.token,
        "/v1/media?name=a.wav",
        &infected_wav(),
    );
    assert_eq!(code(&infected), (422, "infected".to_owned()));
    assert!(text(&infected.json()["error"], "message").contains("Test.Malware"));
    let fine = post(&server, &login.token, "/v1/media?name=a.png", &png(1));
    assert_eq!(fine.status, 201);
    let before = used(&server, &login);

    server.kill();
    server.restart_with(|options| options.clamd = Some("127.0.0.1:1".to_owned()));
    let unasked = post(&server, &login.token, "/v1/media?name=b.png", &png(2));
    assert_eq!(code(&unasked), (503, "scanner_away".to_owned()));
    assert_eq!(unasked.header("retry-after"), "60");
    assert_eq!(used(&server, &login), before);
    // A device's picture waits for the scanner to come back.
    let phone = Device::new("phone");
    phone.register(&server.url(), "bob");
    let deck = phone.add_deck("Flags");
    let path = phone.file("flag.png", &png(3));
    phone.add(&[
        "--deck",
        &deck,
        "--front-image",
        path.to_str().unwrap(),
        "--back",
        "x",
    ]);
    phone.run(&["sync"]);
    assert_eq!(number(&phone.ok(&["account", "usage"]), "blobs"), 0);
    server.kill();
    server.restart_with(|options| options.clamd = Some(scanner()));
    phone.sync();
    assert_eq!(number(&phone.ok(&["account", "usage"]), "blobs"), 1);
}

#[test]
fn what_is_stored_can_be_watched() {
    let server = Server::new();
    let login = Login::register(&server, "ada");
    Login::register(&server, "bob");
    let made = post(&server, &login.token, "/v1/media?name=cat.png", &png(1)).json();
    let bytes = number(&made, "bytes");
    let told = server.admin(&["metrics"]).ok().stdout;
    for line in [
        format!("memoryvault_account_media_bytes{{user=\"ada\"}} {bytes}"),
        "memoryvault_account_media_bytes{user=\"bob\"} 0".to_owned(),
        format!("memoryvault_media_bytes {bytes}"),
        "memoryvault_media_blobs 1".to_owned(),
    ] {
        assert!(told.lines().any(|said| said == line), "{line}\n{told}");
    }
}
