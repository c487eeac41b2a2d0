//! TLS that the server ends itself.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, OnceLock};

use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use server::TlsFiles;
use tempfile::TempDir;

use crate::host::Host;
use crate::wire::{Wire, stamp, tcp};

struct Certificate {
    _dir: TempDir,
    files: TlsFiles,
    der: CertificateDer<'static>,
}

fn certificate() -> &'static Certificate {
    static MADE: OnceLock<Certificate> = OnceLock::new();
    MADE.get_or_init(|| {
        let dir = tempfile::tempdir().unwrap();
        let made = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
        let files = TlsFiles {
            cert: dir.path().join("cert.pem"),
            key: dir.path().join("key.pem"),
        };
        std::fs::write(&files.cert, made.cert.pem()).unwrap();
        std::fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
        Certificate {
            _dir: dir,
            files,
            der: made.cert.der().clone(),
        }
    })
}

fn connect(host: &Host) -> StreamOwned<ClientConnection, TcpStream> {
    let mut roots = RootCertStore::empty();
    roots.add(certificate().der.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let name = ServerName::try_from("localhost").unwrap();
    let connection = ClientConnection::new(Arc::new(config), name).unwrap();
    StreamOwned::new(connection, tcp(host.address()))
}

fn host() -> Host {
    Host::with(|config| config.tls = Some(certificate().files.clone()))
}

#[test]
fn http_and_websocket_over_tls() {
    let host = host();
    let mut stream = connect(&host);
    let request = "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    drop(stream.read_to_string(&mut answer));
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.ends_with("ok"), "{answer}");
    assert_eq!(stream.conn.alpn_protocol(), Some(b"http/1.1".as_slice()));
    let version = stream.conn.protocol_version();
    assert_eq!(version, Some(rustls::ProtocolVersion::TLSv1_3));

    let add = server::AdminCommand::Add {
        user: "ann".into(),
        password: crate::host::PASSWORD.into(),
    };
    server::run_admin(&server::Config::new(host.data()), &add).unwrap();
    let mut stream = connect(&host);
    let id = domain::DeviceId::from_bytes([1; 16]);
    let body = serde_json::json!({
        "user": "ann", "password": crate::host::PASSWORD, "device": {"id": id, "name": "d"},
    })
    .to_string();
    let request = format!(
        "POST /v1/sessions HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    drop(stream.read_to_string(&mut answer));
    let json = &answer[answer.find('{').unwrap()..];
    let json: serde_json::Value = serde_json::from_str(json).unwrap();
    let login = crate::host::Login {
        token: json["token"].as_str().unwrap().to_owned(),
        device: id,
        vault: String::new(),
    };
    let mut wire = Wire::over(connect(&host), &login.token).unwrap();
    assert_eq!(wire.hello(&login, None, (stamp(1), stamp(1))).seq, 0);
}

#[test]
fn plain_http_is_not_answered_on_a_tls_port() {
    let host = host();
    let mut stream = tcp(host.address());
    stream
        .write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        .unwrap();
    let mut answer = Vec::new();
    drop(stream.read_to_end(&mut answer));
    assert!(!answer.starts_with(b"HTTP"));
}

#[test]
fn the_healthcheck_knows_its_own_certificate_only() {
    let host = host();
    let check = |cert: &PathBuf, key: &PathBuf| {
        let output = Command::new(env!("CARGO_BIN_EXE_memoryvault-server"))
            .args(["healthcheck", "--listen", &host.address().to_string()])
            .arg("--tls-cert")
            .arg(cert)
            .arg("--tls-key")
            .arg(key)
            .output()
            .unwrap();
        output.status.success()
    };
    let files = &certificate().files;
    assert!(check(&files.cert, &files.key));
    let other = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("other.pem");
    std::fs::write(&path, other.cert.pem()).unwrap();
    assert!(!check(&path, &files.key));
}

#[test]
fn a_missing_or_wrong_file_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = server::Config::new(dir.path());
    let cert = dir.path().join("missing.pem");
    config.tls = Some(TlsFiles {
        cert: cert.clone(),
        key: certificate().files.key.clone(),
    });
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let error = runtime.block_on(server::Server::open(config)).unwrap_err();
    assert!(
        error.to_string().contains(&cert.display().to_string()),
        "{error}"
    );
}
