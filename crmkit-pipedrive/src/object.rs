//! The objects we write, and where.

use crmkit_core::{Abilities, FieldName, ObjectName, Recovery, Removal};

use crate::{
    PipedriveConfig,
    endpoint::{self, Endpoint},
};

/// One of the objects of the schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Object {
    Organization,
    Person,
    Deal,
    Lead,
    Activity,
    Note,
    File,
    Relationship,
    Participant,
    OrganizationFollower,
    PersonFollower,
    DealFollower,
}

/// What is listed below another record: its id is the parent's and its own.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Nest {
    /// The object it hangs on.
    pub(crate) parent: Object,
    /// The field with the record it hangs on.
    pub(crate) at: &'static str,
    /// The field with who is added.
    pub(crate) adds: &'static str,
}

impl Object {
    pub(crate) const ALL: [Self; 12] = [
        Self::Organization,
        Self::Person,
        Self::Deal,
        Self::Lead,
        Self::Activity,
        Self::Note,
        Self::File,
        Self::Relationship,
        Self::Participant,
        Self::OrganizationFollower,
        Self::PersonFollower,
        Self::DealFollower,
    ];

    /// The object of that name.
    pub(crate) fn named(name: &ObjectName) -> Option<Self> {
        Self::ALL.into_iter().find(|object| name == object.name())
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Organization => "organization",
            Self::Person => "person",
            Self::Deal => "deal",
            Self::Lead => "lead",
            Self::Activity => "activity",
            Self::Note => "note",
            Self::File => "file",
            Self::Relationship => "organization_relationship",
            Self::Participant => "deal_participant",
            Self::OrganizationFollower => "organization_follower",
            Self::PersonFollower => "person_follower",
            Self::DealFollower => "deal_follower",
        }
    }

    pub(crate) fn list(self) -> Endpoint {
        match self {
            Self::Organization => endpoint::ORGANIZATION_LIST,
            Self::Person => endpoint::PERSON_LIST,
            Self::Deal => endpoint::DEAL_LIST,
            Self::Lead => endpoint::LEAD_LIST,
            Self::Activity => endpoint::ACTIVITY_LIST,
            Self::Note => endpoint::NOTE_LIST,
            Self::File => endpoint::FILE_LIST,
            Self::Relationship => endpoint::RELATIONSHIP_LIST,
            Self::Participant => endpoint::PARTICIPANT_LIST,
            Self::OrganizationFollower => endpoint::ORGANIZATION_FOLLOWER_LIST,
            Self::PersonFollower => endpoint::PERSON_FOLLOWER_LIST,
            Self::DealFollower => endpoint::DEAL_FOLLOWER_LIST,
        }
    }

    /// What reads one record by its id. Nested ones are only listed.
    pub(crate) fn get(self) -> Option<Endpoint> {
        Some(match self {
            Self::Organization => endpoint::ORGANIZATION_GET,
            Self::Person => endpoint::PERSON_GET,
            Self::Deal => endpoint::DEAL_GET,
            Self::Lead => endpoint::LEAD_GET,
            Self::Activity => endpoint::ACTIVITY_GET,
            Self::Note => endpoint::NOTE_GET,
            Self::File => endpoint::FILE_GET,
            Self::Relationship => endpoint::RELATIONSHIP_GET,
            Self::Participant | Self::OrganizationFollower | Self::PersonFollower | Self::DealFollower => return None,
        })
    }

    pub(crate) fn create(self) -> Endpoint {
        match self {
            Self::Organization => endpoint::ORGANIZATION_CREATE,
            Self::Person => endpoint::PERSON_CREATE,
            Self::Deal => endpoint::DEAL_CREATE,
            Self::Lead => endpoint::LEAD_CREATE,
            Self::Activity => endpoint::ACTIVITY_CREATE,
            Self::Note => endpoint::NOTE_CREATE,
            Self::File => endpoint::FILE_CREATE,
            Self::Relationship => endpoint::RELATIONSHIP_CREATE,
            Self::Participant => endpoint::PARTICIPANT_CREATE,
            Self::OrganizationFollower => endpoint::ORGANIZATION_FOLLOWER_CREATE,
            Self::PersonFollower => endpoint::PERSON_FOLLOWER_CREATE,
            Self::DealFollower => endpoint::DEAL_FOLLOWER_CREATE,
        }
    }

    /// What changes a record. Files and nested ones are added and removed, and never changed.
    pub(crate) fn update(self) -> Option<Endpoint> {
        Some(match self {
            Self::Organization => endpoint::ORGANIZATION_UPDATE,
            Self::Person => endpoint::PERSON_UPDATE,
            Self::Deal => endpoint::DEAL_UPDATE,
            Self::Lead => endpoint::LEAD_UPDATE,
            Self::Activity => endpoint::ACTIVITY_UPDATE,
            Self::Note => endpoint::NOTE_UPDATE,
            Self::Relationship => endpoint::RELATIONSHIP_UPDATE,
            Self::File | Self::Participant | Self::OrganizationFollower | Self::PersonFollower | Self::DealFollower => {
                return None;
            }
        })
    }

    pub(crate) fn delete(self) -> Endpoint {
        match self {
            Self::Organization => endpoint::ORGANIZATION_DELETE,
            Self::Person => endpoint::PERSON_DELETE,
            Self::Deal => endpoint::DEAL_DELETE,
            Self::Lead => endpoint::LEAD_DELETE,
            Self::Activity => endpoint::ACTIVITY_DELETE,
            Self::Note => endpoint::NOTE_DELETE,
            Self::File => endpoint::FILE_DELETE,
            Self::Relationship => endpoint::RELATIONSHIP_DELETE,
            Self::Participant => endpoint::PARTICIPANT_DELETE,
            Self::OrganizationFollower => endpoint::ORGANIZATION_FOLLOWER_DELETE,
            Self::PersonFollower => endpoint::PERSON_FOLLOWER_DELETE,
            Self::DealFollower => endpoint::DEAL_FOLLOWER_DELETE,
        }
    }

    /// What is listed below another record.
    pub(crate) fn nest(self) -> Option<Nest> {
        Some(match self {
            Self::Participant => Nest { parent: Self::Deal, at: "deal_id", adds: "person_id" },
            Self::OrganizationFollower => Nest { parent: Self::Organization, at: "org_id", adds: "user_id" },
            Self::PersonFollower => Nest { parent: Self::Person, at: "person_id", adds: "user_id" },
            Self::DealFollower => Nest { parent: Self::Deal, at: "deal_id", adds: "user_id" },
            _ => return None,
        })
    }

    /// Its `add_time` is the moment it was made, and nothing else.
    pub(crate) fn tells_when_made(self) -> bool {
        matches!(self, Self::Lead | Self::Activity | Self::File | Self::Relationship) || self.nest().is_some()
    }

    /// Its lists take `ids=`.
    pub(crate) fn by_ids(self) -> bool {
        matches!(self, Self::Organization | Self::Person | Self::Deal | Self::Activity)
    }

    /// How its lists name the place of the next page: a cursor in v2, an offset in v1.
    pub(crate) fn place(self) -> &'static str {
        match self {
            Self::Organization
            | Self::Person
            | Self::Deal
            | Self::Activity
            | Self::OrganizationFollower
            | Self::PersonFollower
            | Self::DealFollower => "cursor",
            Self::Lead | Self::Note | Self::File | Self::Relationship | Self::Participant => "start",
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
            _ => &[],
        }
    }

    /// Fields that can be set on a create and never again: `PATCH` does not know them.
    pub(crate) fn set_once(self) -> &'static [&'static str] {
        match self {
            Self::Organization | Self::Person => &["add_time"],
            _ => &[],
        }
    }

    /// The most records of one page.
    pub(crate) fn page(self) -> usize {
        if self == Self::File { 100 } else { 500 }
    }

    pub(crate) fn abilities(self, config: &PipedriveConfig) -> Abilities {
        let marker = config.marker.as_str();
        let names = |names: &[&str]| names.iter().map(|name| FieldName::from(*name)).collect();
        let marked = || Recovery::MarkerField { label: marker.to_owned() };
        let witness = |fields: &[&str]| Recovery::Witness { fields: names(fields) };
        let (recovery, volatile): (_, &[&str]) = match self {
            Self::Organization | Self::Person => (marked(), &["update_time"]),
            Self::Deal => (marked(), &["update_time", "stage_change_time"]),
            // A lead that a person opens counts as seen.
            Self::Lead => {
                // A deal field, as all of a lead's are; not the deals' own, which goes when they go.
                let label = format!("{marker} (lead)");
                (Recovery::MarkerField { label }, &["update_time", "was_seen"])
            }
            Self::Activity => (witness(&ACTIVITY_WITNESS), &["update_time"]),
            Self::Note => {
                (witness(&["deal_id", "person_id", "org_id", "lead_id", "add_time", "content"]), &["update_time"])
            }
            Self::File => {
                let fields = ["name", "deal_id", "person_id", "org_id", "lead_id", "activity_id"];
                (witness(&fields), &["update_time"])
            }
            Self::Relationship => (witness(&["type", "rel_owner_org_id", "rel_linked_org_id"]), &["update_time"]),
            Self::Participant | Self::OrganizationFollower | Self::PersonFollower | Self::DealFollower => {
                let nest = self.nest().expect("it is nested");
                (witness(&[nest.at, nest.adds]), &[])
            }
        };
        let remove = if self.nest().is_some() { Removal::Hard } else { Removal::Soft };
        let (update, volatile) = (self.update().is_some(), names(volatile));
        let max_bytes = (self == Self::File).then_some(config.max_file_bytes);
        Abilities { update, remove, volatile, max_bytes, ..Abilities::plain(recovery) }
    }
}

/// What together tells an activity from others: all that a migration sets, but for what people edit in passing.
const ACTIVITY_WITNESS: [&str; 11] =
    ["subject", "type", "due", "due_date", "duration", "deal_id", "lead_id", "person_id", "org_id", "owner_id", "note"];
