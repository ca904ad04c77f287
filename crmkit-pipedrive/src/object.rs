//! The objects we write, and where.

use crmkit_core::{Abilities, FieldName, ObjectName, Recovery, Removal};

use crate::endpoint::{self, Endpoint};

/// One of the objects of the schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Object {
    Organization,
    Person,
    Deal,
    Note,
    Relationship,
}

impl Object {
    pub(crate) const ALL: [Self; 5] = [Self::Organization, Self::Person, Self::Deal, Self::Note, Self::Relationship];

    /// The object of that name.
    pub(crate) fn named(name: &ObjectName) -> Option<Self> {
        Self::ALL.into_iter().find(|object| name == object.name())
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Organization => "organization",
            Self::Person => "person",
            Self::Deal => "deal",
            Self::Note => "note",
            Self::Relationship => "organization_relationship",
        }
    }

    pub(crate) fn list(self) -> Endpoint {
        match self {
            Self::Organization => endpoint::ORGANIZATION_LIST,
            Self::Person => endpoint::PERSON_LIST,
            Self::Deal => endpoint::DEAL_LIST,
            Self::Note => endpoint::NOTE_LIST,
            Self::Relationship => endpoint::RELATIONSHIP_LIST,
        }
    }

    pub(crate) fn get(self) -> Endpoint {
        match self {
            Self::Organization => endpoint::ORGANIZATION_GET,
            Self::Person => endpoint::PERSON_GET,
            Self::Deal => endpoint::DEAL_GET,
            Self::Note => endpoint::NOTE_GET,
            Self::Relationship => endpoint::RELATIONSHIP_GET,
        }
    }

    pub(crate) fn create(self) -> Endpoint {
        match self {
            Self::Organization => endpoint::ORGANIZATION_CREATE,
            Self::Person => endpoint::PERSON_CREATE,
            Self::Deal => endpoint::DEAL_CREATE,
            Self::Note => endpoint::NOTE_CREATE,
            Self::Relationship => endpoint::RELATIONSHIP_CREATE,
        }
    }

    pub(crate) fn update(self) -> Endpoint {
        match self {
            Self::Organization => endpoint::ORGANIZATION_UPDATE,
            Self::Person => endpoint::PERSON_UPDATE,
            Self::Deal => endpoint::DEAL_UPDATE,
            Self::Note => endpoint::NOTE_UPDATE,
            Self::Relationship => endpoint::RELATIONSHIP_UPDATE,
        }
    }

    pub(crate) fn delete(self) -> Endpoint {
        match self {
            Self::Organization => endpoint::ORGANIZATION_DELETE,
            Self::Person => endpoint::PERSON_DELETE,
            Self::Deal => endpoint::DEAL_DELETE,
            Self::Note => endpoint::NOTE_DELETE,
            Self::Relationship => endpoint::RELATIONSHIP_DELETE,
        }
    }

    /// Counters that come only when asked for, and the object each one counts.
    pub(crate) fn counters(self) -> &'static [(&'static str, &'static str)] {
        const CONTACT: [(&str, &str); 5] = [
            ("notes_count", "note"),
            ("files_count", "file"),
            ("activities_count", "activity"),
            ("open_deals_count", "deal"),
            ("closed_deals_count", "deal"),
        ];
        const ORGANIZATION: [(&str, &str); 6] =
            [CONTACT[0], CONTACT[1], CONTACT[2], CONTACT[3], CONTACT[4], ("people_count", "person")];
        const DEAL: [(&str, &str); 3] = [CONTACT[0], CONTACT[1], CONTACT[2]];
        match self {
            Self::Organization => &ORGANIZATION,
            Self::Person => &CONTACT,
            Self::Deal => &DEAL,
            Self::Note | Self::Relationship => &[],
        }
    }

    /// Fields that can be set on a create and never again: `PATCH` does not know them.
    pub(crate) fn set_once(self) -> &'static [&'static str] {
        match self {
            Self::Organization | Self::Person => &["add_time"],
            Self::Deal | Self::Note | Self::Relationship => &[],
        }
    }

    pub(crate) fn abilities(self, marker: &str) -> Abilities {
        let names = |names: &[&str]| names.iter().map(|name| FieldName::from(*name)).collect();
        let (recovery, volatile) = match self {
            Self::Organization | Self::Person => {
                (Recovery::MarkerField { label: marker.to_owned() }, names(&["update_time"]))
            }
            Self::Deal => {
                (Recovery::MarkerField { label: marker.to_owned() }, names(&["update_time", "stage_change_time"]))
            }
            Self::Note => {
                let fields = names(&["deal_id", "person_id", "org_id", "add_time", "content"]);
                (Recovery::Witness { fields }, names(&["update_time"]))
            }
            Self::Relationship => {
                let fields = names(&["type", "rel_owner_org_id", "rel_linked_org_id"]);
                (Recovery::Witness { fields }, names(&["update_time"]))
            }
        };
        Abilities { remove: Removal::Soft, volatile, ..Abilities::plain(recovery) }
    }
}
