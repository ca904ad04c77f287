//! What a destination can do with the records of one object.

use serde::{Deserialize, Serialize};

use crate::FieldName;

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
    /// The values of these fields, compared after the destination's normalisation. Equal ones are counted.
    Witness {
        /// Fields that together identify a record: parent, time, content.
        fields: Vec<FieldName>,
    },
    /// Nothing: an uncertain create is held with its evidence.
    Nothing,
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
