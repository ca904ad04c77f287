//! Names and ids that travel with records: cheap to clone, impossible to mix up.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! name_of {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(std::sync::Arc<str>);

        impl $name {
            /// Makes the name.
            pub fn new(name: impl Into<std::sync::Arc<str>>) -> Self {
                Self(name.into())
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }

        impl From<&str> for $name {
            fn from(name: &str) -> Self {
                Self(name.into())
            }
        }

        impl From<String> for $name {
            fn from(name: String) -> Self {
                Self(name.into())
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl PartialEq<str> for $name {
            fn eq(&self, other: &str) -> bool {
                &*self.0 == other
            }
        }

        impl PartialEq<&str> for $name {
            fn eq(&self, other: &&str) -> bool {
                &*self.0 == *other
            }
        }
    };
}

pub(crate) use name_of;

name_of! {
    /// The name of a CRM's object (table): `"contacts"`, `"organization"`.
    ObjectName
}
name_of! {
    /// The name of a field of an object, as the CRM's interface spells it: `"email"`, a 40-character hash key.
    FieldName
}
name_of! {
    /// A record's id in its own CRM.
    RecordId
}
name_of! {
    /// The id of a mapping in a plan. It never changes after the first write.
    MappingId
}
name_of! {
    /// The host's tenant-scoped id of a migration. Letters, digits, `.`, `_`, `-` and `:` only.
    MigrationId
}
name_of! {
    /// Which of the records that one source record becomes: `""` for the main one, `"link:parent"` for a relation.
    Part
}

impl Part {
    /// The main part: the record itself.
    pub fn main() -> Self {
        Self::new("")
    }
}

/// A record named by object and id.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RecordRef {
    /// The object (table) it belongs to.
    pub object: ObjectName,
    /// Its id there.
    pub id: RecordId,
}

impl RecordRef {
    /// Names a record.
    ///
    /// ```
    /// use crmkit_core::RecordRef;
    /// assert_eq!(RecordRef::new("deals", "7").to_string(), "deals/7");
    /// ```
    pub fn new(object: impl Into<ObjectName>, id: impl Into<RecordId>) -> Self {
        Self { object: object.into(), id: id.into() }
    }
}

impl fmt::Display for RecordRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.object, self.id)
    }
}
