//! What a destination can do with the records of one object.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Digest, FieldName, Value};

/// What a destination can do with the records of one object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Abilities {
    /// Most operations in one [`write`](crate::DestinationWriter::write).
    pub batch: usize,
    /// A batch is applied whole or not at all.
    pub atomic: bool,
    /// How a written record is found again.
    pub recovery: Recovery,
    /// Values can be changed after the create.
    pub update: bool,
    /// Records can be removed.
    pub remove: Removal,
    /// Fields that move without anybody editing the record (change times, counters): outside the seal.
    pub volatile: Vec<FieldName>,
    /// Of an object whose records are files: the largest one it takes, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_bytes: Option<u64>,
}

impl Abilities {
    /// One record a request, changeable, removable for good; found again by `recovery`.
    pub fn plain(recovery: Recovery) -> Self {
        Self {
            batch: 1,
            atomic: false,
            recovery,
            update: true,
            remove: Removal::Hard,
            volatile: Vec::new(),
            max_bytes: None,
        }
    }
}

/// How a record is found again after its answer was lost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Recovery {
    /// A text field that `prepare` creates under this name carries the key.
    MarkerField {
        /// The field's name for people: `crmkit_id`.
        label: String,
    },
    /// A field that every account has carries the key: an external key, or the record's own id where clients may choose it.
    ClientId {
        /// The id's field.
        field: FieldName,
    },
    /// The record's own id, a UUID that clients choose: it is made of the key, and nothing has to be stamped.
    ClientUuid {
        /// The id's field.
        field: FieldName,
    },
    /// The values of these fields, compared after the destination's normalisation. Equal ones are counted.
    Witness {
        /// Fields that together identify a record: parent, time, content.
        fields: Vec<FieldName>,
    },
    /// Nothing: an uncertain create is held with its evidence.
    Nothing,
}

/// The namespace of ids that are made of markers.
const MARKERS: Uuid = Uuid::from_u128(0x6d1f_3c5e_8a42_4f0b_9d27_53b1_e0a4_c7f6);

impl Recovery {
    /// The field that carries the marker where every account has it.
    pub(crate) fn marker_field(&self) -> Option<&FieldName> {
        match self {
            Self::ClientId { field } | Self::ClientUuid { field } => Some(field),
            Self::MarkerField { .. } | Self::Witness { .. } | Self::Nothing => None,
        }
    }

    /// A marker as this destination takes it.
    pub(crate) fn marker(&self, digest: Digest) -> Value {
        match self {
            Self::ClientUuid { .. } => Value::text(Uuid::new_v5(&MARKERS, digest.to_string().as_bytes()).to_string()),
            _ => Value::text(digest.to_string()),
        }
    }
}

/// What removing a record does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Removal {
    /// It goes to the trash.
    Soft,
    /// It is gone.
    Hard,
    /// It cannot be removed.
    Never,
}
