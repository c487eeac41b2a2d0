//! Who somebody is: passwords, tokens, user names, and how often one may try. Says nothing about what is stored;
//! called by `http` and `admin`.

pub(crate) mod argon;
pub(crate) mod password;
pub(crate) mod rate;
pub(crate) mod token;
pub(crate) mod user_name;
