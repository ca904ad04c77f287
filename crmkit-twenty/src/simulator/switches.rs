//! What differs between releases and what nobody outside the vendor knows: each is a switch, so both can be tested.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A release of the server. It decides which standard objects and fields a fresh workspace has.
///
/// ```
/// use crmkit_twenty::simulator::Version;
/// assert_eq!("2.19".parse(), Ok(Version::V2_19));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Version {
    /// 0.5x, of May 2025.
    V0_5,
    /// 1.4, of August 2025.
    V1_4,
    /// 1.10, of November 2025.
    V1_10,
    /// 2.19, of July 2026.
    #[default]
    V2_19,
    /// What followed until September 2026.
    Later,
}

impl FromStr for Version {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "0.5" => Ok(Self::V0_5),
            "1.4" => Ok(Self::V1_4),
            "1.10" => Ok(Self::V1_10),
            "2.19" => Ok(Self::V2_19),
            "later" => Ok(Self::Later),
            other => Err(format!("unknown release {other}")),
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V0_5 => "0.5",
            Self::V1_4 => "1.4",
            Self::V1_10 => "1.10",
            Self::V2_19 => "2.19",
            Self::Later => "later",
        })
    }
}

/// What `uploadFile` answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LegacyUpload {
    /// There is no such mutation.
    Gone,
    /// The path, as a text.
    Path,
    /// An object with path and token.
    SignedFile,
}

/// How one workspace behaves; [`Switches::of`] is what is likeliest for a release, the default that of 2.19.
///
/// ```
/// use crmkit_twenty::simulator::{Switches, Version};
///
/// let mut switches = Switches::default();
/// assert_eq!(switches.batch_max, 200);
/// switches.calls = 50;
/// assert_eq!(Switches::of(Version::V1_4).batch_max, 60);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Switches {
    /// Calls per window of an API key's workspace; 0: no limit.
    pub calls: u64,
    /// The window of `calls`, in milliseconds.
    pub calls_window_ms: u64,
    /// Calls per second on top; 0: no limit.
    pub burst: u64,
    /// GraphQL counts a call for each field at the root (unknown), not one for the request.
    pub calls_by_root_field: bool,
    /// A 429 carries `retry-after` (unknown for the cloud's proxies).
    pub retry_after: bool,
    /// The most records in one batch.
    pub batch_max: usize,
    /// The most records on one page.
    pub page_max: usize,
    /// The most records that one call deletes or destroys; 0: any number.
    pub delete_max: usize,
    /// The most ids in an `in` filter of GraphQL (unknown whether there is one); 0: any number.
    pub in_max: usize,
    /// REST knows `upsert`.
    pub rest_upsert: bool,
    /// REST knows `soft_delete`.
    pub rest_soft_delete: bool,
    /// Without `soft_delete` a REST delete is a hard one (unknown for 0.5x).
    pub rest_delete_is_hard: bool,
    /// REST can restore (2.19 answers 400).
    pub rest_restore: bool,
    /// `fields=` selects fields, and wide objects are capped without it.
    pub fields_parameter: bool,
    /// Metadata shows `isCustom`.
    pub is_custom: bool,
    /// Rich text is called `RICH_TEXT_V2`.
    pub rich_text_v2: bool,
    /// Columns of new objects on `noteTarget` and the like are called `projectId`, not `targetProjectId`.
    pub plain_target_columns: bool,
    /// The metadata API over REST answers without the name of the operation.
    pub direct_metadata: bool,
    /// How long each metadata call takes, in milliseconds.
    pub metadata_delay_ms: u64,
    /// What the upload of old releases answers (unknown for 1.4 and 1.10).
    pub legacy_upload: LegacyUpload,
    /// Uploads for FILES fields, multipart and direct.
    pub files_upload: bool,
    /// A supplied `updatedBy` is kept (unknown); else it always shows the key.
    pub updated_by_writable: bool,
    /// Files that nothing was attached to are gone after this many hours (unknown); 0: never.
    pub unattached_file_hours: i64,
    /// Restoring a task or note restores its targets (not described).
    pub restores_targets: bool,
}

impl Default for Switches {
    fn default() -> Self {
        Self::of(Version::default())
    }
}

impl Switches {
    /// How a release behaves.
    pub fn of(version: Version) -> Self {
        let old = version < Version::V2_19;
        let max = if version < Version::V1_10 { 60 } else { 200 };
        let (calls, calls_window_ms, burst) = match version {
            Version::V0_5 | Version::V1_4 => (500, 100, 0),
            Version::V1_10 => (1000, 60_000, 100),
            Version::V2_19 | Version::Later => (100, 60_000, 100),
        };
        Self {
            calls,
            calls_window_ms,
            burst,
            calls_by_root_field: false,
            retry_after: false,
            batch_max: max,
            page_max: max,
            delete_max: if version < Version::V1_10 { 60 } else { 0 },
            in_max: 0,
            rest_upsert: version >= Version::V1_10,
            rest_soft_delete: version >= Version::V1_10,
            rest_delete_is_hard: true,
            rest_restore: version > Version::V2_19,
            fields_parameter: version > Version::V2_19,
            is_custom: old,
            rich_text_v2: old,
            plain_target_columns: old,
            direct_metadata: false,
            metadata_delay_ms: 0,
            legacy_upload: match version {
                Version::V0_5 => LegacyUpload::Path,
                Version::V1_4 | Version::V1_10 => LegacyUpload::SignedFile,
                Version::V2_19 | Version::Later => LegacyUpload::Gone,
            },
            files_upload: !old,
            updated_by_writable: true,
            unattached_file_hours: 0,
            restores_targets: true,
        }
    }
}
