//! Users.

use serde::Deserialize;

/// A user of API v1.
#[derive(Debug, Deserialize)]
pub(crate) struct User {
    pub(crate) id: i64,
    #[serde(default)]
    pub(crate) name: Option<String>,
    #[serde(default)]
    pub(crate) email: Option<String>,
    #[serde(default)]
    pub(crate) active_flag: Option<bool>,
    #[serde(default)]
    pub(crate) is_deleted: Option<bool>,
    #[serde(default)]
    pub(crate) is_you: Option<bool>,
    #[serde(default)]
    pub(crate) access: Vec<Access>,
}

/// What a user may do in one of the products.
#[derive(Debug, Deserialize)]
pub(crate) struct Access {
    #[serde(default)]
    pub(crate) app: String,
    #[serde(default)]
    pub(crate) admin: bool,
}

impl User {
    /// Whether the user administers the account.
    pub(crate) fn is_admin(&self) -> bool {
        let apps = ["sales", "global", "account_settings"];
        self.access.iter().any(|access| access.admin && apps.contains(&access.app.as_str()))
    }
}

/// The user of the token, with the company.
#[derive(Debug, Deserialize)]
pub(crate) struct Me {
    pub(crate) id: i64,
    pub(crate) company_id: i64,
    #[serde(default)]
    pub(crate) company_domain: Option<String>,
}
