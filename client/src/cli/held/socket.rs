//! Where the processes of a vault meet: the file `socket` in its folder, for its owner only. Addresses of sockets end after
//! some hundred bytes; a folder whose path is longer is named through an open handle of it, where the system can do that.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

const FILE: &str = "socket";
/// Bytes of an address that every system takes: 104 on some, less the zero at its end, and room.
const ADDRESS_BYTES_MAX: usize = 100;

/// The address of a folder's socket. The handle, if any, must live while the address is used.
struct Address {
    path: PathBuf,
    _folder: Option<File>,
}

fn address(vault: &Path) -> io::Result<Address> {
    let path = vault.join(FILE);
    if path.as_os_str().len() <= ADDRESS_BYTES_MAX {
        return Ok(Address {
            path,
            _folder: None,
        });
    }
    let folder = File::open(vault)?;
    let path = PathBuf::from(format!("/proc/self/fd/{}/{FILE}", folder.as_raw_fd()));
    Ok(Address {
        path,
        _folder: Some(folder),
    })
}

/// Makes the socket. To be called by who holds the lock on the folder: whatever lies there is what an ended process left.
pub(super) fn listen(vault: &Path) -> io::Result<UnixListener> {
    remove(vault)?;
    let address = address(vault)?;
    let listener = UnixListener::bind(&address.path)?;
    // The folder lets nobody else in; who connects is asked for his user besides.
    fs::set_permissions(&address.path, Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Takes the socket away, by who holds the lock on the folder.
pub(super) fn remove(vault: &Path) -> io::Result<()> {
    match fs::remove_file(vault.join(FILE)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Connects to the process that has the vault; none when nobody answers.
pub(super) fn connect(vault: &Path) -> Option<UnixStream> {
    UnixStream::connect(address(vault).ok()?.path).ok()
}
