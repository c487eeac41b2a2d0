//! The secret of this device at its server, and the file it rests in: `token` in the vault's folder, readable by its
//! owner only. The file names the device that the secret belongs to, so that a crash in the middle of taking a new
//! identity (file and key-value store cannot change in one step) leaves one of the two files matching the store.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use zeroize::Zeroizing;

const FILE: &str = "token";
const NEXT: &str = "token.next";
/// Nothing longer is a token file.
const FILE_BYTES_MAX: u64 = 1_024;

/// Why a token could not be kept or found again.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// Other people of this machine can read the file.
    #[error("{} can be read by others (mode {mode:o}); its token may be known to them", path.display())]
    Exposed {
        /// The token file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file holds something else.
    #[error("{} does not hold a token", .0.display())]
    Malformed(PathBuf),
    /// The file system declined.
    #[error("{} could not be used", path.display())]
    File {
        /// The token file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// A device's secret at a server; shown nowhere.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Token(Zeroizing<String>);

impl TryFrom<String> for Token {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        // It will stand in a header: no spaces, no line ends, nothing beyond ASCII.
        if (16..=256).contains(&text.len())
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        {
            Ok(Self(Zeroizing::new(text)))
        } else {
            Err("not a token")
        }
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

impl Token {
    pub(crate) fn secret(&self) -> &str {
        &self.0
    }

    /// Puts the token of `device` aside, durable, before the vault takes that identity; [`Token::load`] finds it then.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn stage(&self, vault: &Path, device: &str) -> Result<(), TokenError> {
        let path = vault.join(NEXT);
        let failed = |source| TokenError::File {
            path: path.clone(),
            source,
        };
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .map_err(failed)?;
        file.write_all(format!("{}\n{device}\n", self.secret()).as_bytes())
            .map_err(failed)?;
        file.sync_all()
            .and_then(|()| sync_folder(vault))
            .map_err(failed)
    }

    /// Finds the token of `device`, or none.
    ///
    /// # Errors
    /// When a file is there that must not be trusted or cannot be read.
    pub fn load(vault: &Path, device: &str) -> Result<Option<Self>, TokenError> {
        let (path, next) = (vault.join(FILE), vault.join(NEXT));
        if let Some((token, owner)) = read(&next)?
            && owner == device
        {
            fs::rename(&next, &path)
                .and_then(|()| sync_folder(vault))
                .map_err(|source| TokenError::File { path: next, source })?;
            return Ok(Some(token));
        }
        Ok(read(&path)?
            .filter(|(_, owner)| owner == device)
            .map(|(token, _)| token))
    }

    /// Forgets the token on this device.
    ///
    /// # Errors
    /// When a file is there and cannot be removed.
    pub fn forget(vault: &Path) -> Result<(), TokenError> {
        for path in [vault.join(NEXT), vault.join(FILE)] {
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(TokenError::File {
                        path,
                        source: error,
                    });
                }
                _ => {}
            }
        }
        sync_folder(vault).map_err(|source| TokenError::File {
            path: vault.to_owned(),
            source,
        })
    }
}

fn read(path: &Path) -> Result<Option<(Token, String)>, TokenError> {
    let failed = |source| TokenError::File {
        path: path.to_owned(),
        source,
    };
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(failed)?,
    };
    let metadata = file.metadata().map_err(failed)?;
    let mode = metadata.mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(TokenError::Exposed {
            path: path.to_owned(),
            mode,
        });
    }
    let mut text = Zeroizing::new(String::new());
    file.take(FILE_BYTES_MAX)
        .read_to_string(&mut text)
        .map_err(failed)?;
    let mut lines = text.lines();
    let token = lines
        .next()
        .and_then(|line| Token::try_from(line.to_owned()).ok());
    match (token, lines.next()) {
        (Some(token), Some(device)) => Ok(Some((token, device.to_owned()))),
        _ => Err(TokenError::Malformed(path.to_owned())),
    }
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn token(letter: char) -> Token {
        Token::try_from(format!("mv1_{}", letter.to_string().repeat(64))).unwrap()
    }

    #[test]
    fn a_token_counts_once_its_device_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let vault = folder.path();
        assert_eq!(Token::load(vault, "one").unwrap(), None);
        token('a').stage(vault, "one").unwrap();
        assert_eq!(Token::load(vault, "one").unwrap(), Some(token('a')));
        // A crash before the store took the identity: the old one still works; after it: the new one.
        token('b').stage(vault, "two").unwrap();
        assert_eq!(Token::load(vault, "one").unwrap(), Some(token('a')));
        assert_eq!(Token::load(vault, "two").unwrap(), Some(token('b')));
        assert_eq!(Token::load(vault, "two").unwrap(), Some(token('b')));
        Token::forget(vault).unwrap();
        assert_eq!(Token::load(vault, "two").unwrap(), None);
    }

    #[test]
    fn a_token_that_others_can_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        token('a').stage(folder.path(), "one").unwrap();
        assert!(Token::load(folder.path(), "one").unwrap().is_some());
        let path = folder.path().join(FILE);
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(
            Token::load(folder.path(), "one"),
            Err(TokenError::Exposed { mode: 0o640, .. })
        ));
    }

    #[test]
    fn a_token_is_never_shown() {
        assert_eq!(format!("{:?}", token('a')), "Token(..)");
        for text in [
            "",
            "short",
            "mv1_with a space in it, much too odd",
            "mv1_line\nend_and_more_than_sixteen",
        ] {
            assert!(Token::try_from(text.to_owned()).is_err());
        }
    }
}
