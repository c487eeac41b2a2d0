//! The running server's end of the admin socket: one JSON command a connection, one JSON answer.
//!
//! Whoever may open the socket (mode 0600, in the data directory) may read the data anyway.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinSet;

use super::{Administration, Answer, Command, execute, socket_path};
use crate::limit;
use crate::service::{Lane, Service};
use crate::shutdown::Stop;

/// Opens the socket. The data directory is locked, so a socket that lies there belongs to nobody.
pub(crate) fn open(data: &Path) -> io::Result<UnixListener> {
    let (path, _folder) = socket_path(data)?;
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(&path)?;
    fs::set_permissions(&path, Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Answers commands until stopped, then removes the socket.
pub(crate) async fn serve(
    listener: UnixListener,
    service: Arc<Service>,
    data: std::path::PathBuf,
    mut stop: Stop,
) {
    let mut conversations = JoinSet::new();
    loop {
        tokio::select! {
            () = stop.stopped() => break,
            Some(_) = conversations.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((socket, _)) => {
                    conversations.spawn(converse(socket, Arc::clone(&service)));
                }
                Err(error) => {
                    tracing::warn!(%error, "the admin socket failed");
                    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                }
            },
        }
    }
    while conversations.join_next().await.is_some() {}
    if let Ok((path, _folder)) = socket_path(&data)
        && let Err(error) = fs::remove_file(path)
    {
        tracing::warn!(%error, "the admin socket stays behind");
    }
}

async fn converse(mut socket: UnixStream, service: Arc<Service>) {
    let talk = async {
        let mut command = Vec::new();
        let mut limited = (&mut socket).take(limit::ADMIN_BYTES_MAX);
        limited.read_to_end(&mut command).await?;
        let answer = match serde_json::from_slice(&command) {
            Ok(command) => answer(&service, command).await,
            Err(_) => Answer::Failed("the running server is of another version".to_owned()),
        };
        let answer = serde_json::to_vec(&answer).map_err(io::Error::other)?;
        socket.write_all(&answer).await?;
        socket.shutdown().await
    };
    match tokio::time::timeout(limit::REQUEST, talk).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "an admin command broke off"),
        Err(_) => tracing::debug!("an admin command took too long"),
    }
}

async fn answer(service: &Arc<Service>, command: Command) -> Answer {
    let hub = service.hub.clone();
    let job = move |store: &crate::store::Store| {
        let on = Administration { store, hub: &hub };
        Ok(execute(&on, command))
    };
    match service.disk(Lane::Documents.ours(), job).await {
        Ok(answer) => answer,
        Err(error) => Answer::Failed(error.to_string()),
    }
}
