//! Where tokens come from, so that a host keeps and rotates them itself.

use std::fmt::Debug;

use async_trait::async_trait;
use secrecy::SecretString;

use crate::Result;

/// Gives the token for the next request.
///
/// # Contract
/// `token` is cheap and gives the current one. `refresh` is called once after the other side refused a token; it gives a new
/// one, or the same error again.
#[async_trait]
pub trait Credentials: Debug + Send + Sync + 'static {
    /// The current token.
    async fn token(&self) -> Result<SecretString>;

    /// A new token after `refused` was refused; an `Auth` error where there is none.
    async fn refresh(&self, refused: &SecretString) -> Result<SecretString>;
}

/// A token that never changes.
#[derive(Clone, Debug)]
pub struct FixedToken(SecretString);

impl FixedToken {
    /// Wraps the token.
    pub fn new(token: impl Into<String>) -> Self {
        Self(SecretString::from(token.into()))
    }
}

#[async_trait]
impl Credentials for FixedToken {
    async fn token(&self) -> Result<SecretString> {
        Ok(self.0.clone())
    }

    async fn refresh(&self, _refused: &SecretString) -> Result<SecretString> {
        Err(crate::Error::new(
            crate::ErrorKind::Auth,
            "credentials.refresh",
            "the token was refused, and a fixed token cannot be renewed; give a valid token",
            crate::Retry::Never,
        ))
    }
}
