//! `sync --watch` outlives what happens on the way to its server: connections cut at any byte of their beginning, and
//! somebody else who answers in the server's place for a while.

use std::io::{Read, Write};
use std::net::TcpListener;

use serde_json::Value;
use tests::{Device, Fault, Proxy, Running, Server, text};

#[test]
fn a_watch_outlives_a_cut_anywhere_in_the_handshake() {
    let server = Server::new();
    let proxy = Proxy::start(server.address());
    let phone = Device::new("phone");
    phone.register(&proxy.url(), "ada");
    // Nothing of the answer, a part of its first line, of its headers, and of the first frames.
    for bytes in [0, 5, 90, 160, 220] {
        proxy.set(Fault::CutDown(bytes));
        let mut watch = phone.start_reading(&["sync", "--watch"]);
        until(&mut watch, |event| text(event, "event") == "waiting");
        proxy.set(Fault::None);
        until(&mut watch, |event| text(event, "event") == "settled");
    }
}

#[test]
fn a_watch_that_has_worked_waits_for_who_answers_in_the_servers_place_to_go_away() {
    let mut server = Server::new();
    let phone = Device::new("phone");
    phone.register(&server.url(), "ada");
    let mut watch = phone.start_reading(&["sync", "--watch"]);
    until(&mut watch, |event| text(event, "event") == "settled");
    server.kill();
    let other = TcpListener::bind(server.address()).expect("the port is free again");
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let (mut stream, _) = other.accept().expect("the watch comes back");
            drop(stream.read(&mut [0; 4096]));
            let page = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";
            drop(stream.write_all(page.as_bytes()));
        });
        until(&mut watch, |event| {
            text(event, "event") == "waiting" && text(event, "because").contains("does not speak")
        });
    });
    drop(other);
    server.restart();
    until(&mut watch, |event| text(event, "event") == "settled");
}

#[track_caller]
fn until(watching: &mut Running, is_awaited: impl Fn(&Value) -> bool) {
    let mut said = Vec::new();
    while let Some(line) = watching.line() {
        let event: Value = serde_json::from_str(&line).unwrap();
        if is_awaited(&event) {
            return;
        }
        said.push(line);
    }
    panic!("the watch ended: {said:#?}");
}
