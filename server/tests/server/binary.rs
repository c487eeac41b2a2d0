//! The real binary: its first line, its administrator's commands, its end.

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::host::{PASSWORD, request};
use crate::wire::tcp;

struct Process {
    child: Child,
    address: SocketAddr,
}

impl Process {
    fn start(data: &Path) -> Self {
        let mut child = binary(data)
            .args(["--listen", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let stdout = child.stdout.take().unwrap();
        BufReader::new(stdout).read_line(&mut line).unwrap();
        let address = line
            .trim_end()
            .strip_prefix("listening on http://")
            .unwrap();
        Self {
            address: address.parse().unwrap(),
            child,
        }
    }

    fn terminate(&mut self) -> (Option<i32>, Duration) {
        let begun = Instant::now();
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        let status = self.child.wait().unwrap();
        (status.code(), begun.elapsed())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn binary(data: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_memoryvault-server"));
    command.arg("--data").arg(data);
    command
}

fn user(data: &Path, arguments: &[&str], stdin: &str) -> Output {
    let mut child = binary(data)
        .arg("user")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(stdin.as_bytes())
        .unwrap();
    child.wait_with_output().unwrap()
}

/// Standard output of a command that has to succeed.
fn said(output: Output) -> String {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    String::from_utf8(output.stdout).unwrap()
}

fn refusal(output: Output) -> String {
    assert!(!output.status.success());
    assert!(output.stdout.is_empty());
    String::from_utf8(output.stderr).unwrap()
}

/// Every administrator's command, with what it says.
fn administer(data: &Path) -> Vec<String> {
    let password = format!("{PASSWORD}\n");
    let short = refusal(user(data, &["add", "bob"], "short\n"));
    let unknown = refusal(user(data, &["quota", "nobody", "5"], ""));
    vec![
        said(user(data, &["add", "Ann", "--password-stdin"], &password)),
        refusal(user(data, &["add", "ann"], &password)),
        short,
        unknown,
        said(user(data, &["quota", "ann"], "")),
        said(user(data, &["quota", "ann", "12345"], "")),
        said(user(data, &["list"], "")),
        said(user(data, &["list", "--json"], "")),
        said(user(data, &["quota", "ann", "default"], "")),
        said(user(data, &["password", "ann"], "another good one\n")),
        said(user(data, &["remove", "ann"], "")),
        refusal(user(data, &["remove", "ann"], "")),
        said(user(data, &["list", "--json"], "")),
    ]
}

#[test]
fn the_administrator_gets_the_same_words_from_a_stopped_and_a_running_server() {
    let (stopped, running) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let _process = Process::start(running.path());
    let words = administer(stopped.path());
    assert_eq!(administer(running.path()), words);
    assert_eq!(words[0], "added ann\n");
    assert!(words[1].contains("there is an account named ann already"));
    assert!(words[2].contains("at least 10 characters"));
    assert!(words[3].contains("there is no user named nobody"));
    assert_eq!(words[4], "ann uses 0 of 1073741824 bytes\n");
    assert_eq!(words[5], "ann uses 0 of 12345 bytes\n");
    assert!(words[6].lines().nth(1).unwrap().starts_with("ann "));
    let listed: Value = serde_json::from_str(&words[7]).unwrap();
    assert_eq!(
        (&listed["user"], &listed["quota_limit_bytes"]),
        (&json!("ann"), &json!(12345))
    );
    assert_eq!(words.last().unwrap(), "");
}

#[test]
fn what_the_administrator_does_holds_for_devices_at_once() {
    let data = TempDir::new().unwrap();
    said(user(data.path(), &["add", "ann"], PASSWORD));
    let process = Process::start(data.path());
    let log_in = |password: &str| {
        let id = domain::DeviceId::from_bytes([1; 16]);
        let body = json!({"user": "ann", "password": password, "device": {"id": id, "name": "d"}});
        request(
            process.address,
            "POST",
            "/v1/sessions",
            None,
            &body.to_string(),
        )
    };
    let token = log_in(PASSWORD).body["token"].as_str().unwrap().to_owned();
    let usage = || request(process.address, "GET", "/v1/usage", Some(&token), "");
    said(user(data.path(), &["quota", "ann", "77"], ""));
    assert_eq!(usage().body["quota_limit_bytes"], 77);
    said(user(data.path(), &["password", "ann"], "another good one"));
    assert_eq!(usage().status, 401);
    assert_eq!(log_in(PASSWORD).status, 401);
    assert_eq!(log_in("another good one").status, 200);
    said(user(data.path(), &["remove", "ann"], ""));
    assert_eq!(log_in("another good one").status, 401);
}

#[test]
fn a_terminated_server_ends_well_and_soon_and_starts_again() {
    let data = TempDir::new().unwrap();
    for _ in 0..2 {
        let mut process = Process::start(data.path());
        let _idle = tcp(process.address);
        let (code, took) = process.terminate();
        assert_eq!(code, Some(0));
        assert!(took < Duration::from_secs(5), "{took:?}");
        assert!(!data.path().join("admin.sock").exists());
    }
}

#[test]
fn a_killed_server_keeps_its_accounts() {
    let data = TempDir::new().unwrap();
    let process = Process::start(data.path());
    said(user(data.path(), &["add", "ann"], PASSWORD));
    drop(process);
    // Its socket lies there still, and is nobody's.
    assert!(data.path().join("admin.sock").exists());
    assert!(said(user(data.path(), &["list"], "")).contains("ann"));
    let _process = Process::start(data.path());
    assert!(said(user(data.path(), &["list"], "")).contains("ann"));
}

#[test]
fn a_second_server_names_the_first() {
    let data = TempDir::new().unwrap();
    let process = Process::start(data.path());
    let second = binary(data.path())
        .args(["--listen", "127.0.0.1:0"])
        .output()
        .unwrap();
    let words = refusal(second);
    assert!(words.contains(&process.child.id().to_string()), "{words}");
    assert!(words.contains("memoryvault-server"), "{words}");
}

#[test]
fn the_healthcheck_tells_well_from_gone() {
    let data = TempDir::new().unwrap();
    let mut process = Process::start(data.path());
    let check = |address: SocketAddr| {
        let listen = address.to_string();
        binary(data.path())
            .args(["healthcheck", "--listen", &listen])
            .output()
            .unwrap()
    };
    assert_eq!(said(check(process.address)), "ok\n");
    process.terminate();
    assert!(refusal(check(process.address)).contains("does not answer"));
}

#[test]
fn a_command_without_data_says_what_to_do() {
    let dir = TempDir::new().unwrap();
    let words = refusal(user(&dir.path().join("missing"), &["list"], ""));
    assert!(words.contains("--data"), "{words}");
}

#[test]
fn a_very_long_data_directory_works() {
    let dir = TempDir::new().unwrap();
    let data = dir.path().join("d".repeat(120));
    let process = Process::start(&data);
    said(user(&data, &["add", "ann"], PASSWORD));
    assert_eq!(
        request(process.address, "GET", "/healthz", None, "").status,
        200
    );
}
