//! The objects we write, and what they are called over there.

use crmkit_core::{Abilities, Error, ErrorKind, FieldName, ObjectName, RecordId, Recovery, Removal, Result, Retry};

use crate::wire;

/// One of the objects of the schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Object {
    Account,
    Contact,
    Lead,
    Activity,
    Note,
    /// Of a lead or an activity, in whose list it stands.
    File,
}

/// The object of that name.
pub(crate) fn object_named(name: &ObjectName, operation: &'static str) -> Result<Object> {
    Object::ALL.into_iter().find(|object| name == object.name()).ok_or_else(|| {
        Error::new(ErrorKind::Rejected, operation, "nutshell has no such object", Retry::Never)
            .with_context("object", name)
    })
}

impl Object {
    pub(crate) const ALL: [Self; 6] =
        [Self::Account, Self::Contact, Self::Lead, Self::Activity, Self::Note, Self::File];
    /// Those that people can label, extend and hang notes on.
    pub(crate) const MARKED: [Self; 3] = [Self::Account, Self::Contact, Self::Lead];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Contact => "contact",
            Self::Lead => "lead",
            Self::Activity => "activity",
            Self::Note => "note",
            Self::File => "file",
        }
    }

    /// The entity type, which REST writes in lower case.
    pub(crate) fn entity(self) -> &'static str {
        match self {
            Self::Account => "Accounts",
            Self::Contact => "Contacts",
            Self::Lead => "Leads",
            Self::Activity => "Activities",
            Self::Note => "Notes",
            Self::File => "Files",
        }
    }

    /// The path and key in REST.
    pub(crate) fn resource(self) -> &'static str {
        match self {
            Self::Account => "accounts",
            Self::Contact => "contacts",
            Self::Lead => "leads",
            Self::Activity => "activities",
            Self::Note => "notes",
            Self::File => "files",
        }
    }

    /// A JSON-RPC method: `newLead`.
    pub(crate) fn method(self, verb: &str) -> String {
        let name = self.name();
        format!("{verb}{}{}", name[..1].to_uppercase(), &name[1..])
    }

    /// The parameters that name a record: `{"leadId": 7}`.
    pub(crate) fn params(self, id: i64) -> wire::Object {
        [(format!("{}Id", self.name()), id.into())].into_iter().collect()
    }

    pub(crate) fn creating(self) -> &'static str {
        match self {
            Self::Account => "account.create",
            Self::Contact => "contact.create",
            Self::Lead => "lead.create",
            Self::Activity => "activity.create",
            Self::Note => "note.create",
            Self::File => "file.create",
        }
    }

    pub(crate) fn updating(self) -> &'static str {
        match self {
            Self::Account => "account.update",
            Self::Contact => "contact.update",
            Self::Lead => "lead.update",
            Self::Activity => "activity.update",
            Self::Note => "note.update",
            Self::File => "file.update",
        }
    }

    pub(crate) fn reading(self) -> &'static str {
        match self {
            Self::Account => "account.get",
            Self::Contact => "contact.get",
            Self::Lead => "lead.get",
            Self::Activity => "activity.get",
            Self::Note => "note.get",
            Self::File => "file.get",
        }
    }

    pub(crate) fn removing(self) -> &'static str {
        match self {
            Self::Account => "account.remove",
            Self::Contact => "contact.remove",
            Self::Lead => "lead.remove",
            Self::Activity => "activity.remove",
            Self::Note => "note.remove",
            Self::File => "file.remove",
        }
    }

    /// An id of ours as one of theirs.
    pub(crate) fn number(self, id: &RecordId) -> Result<i64> {
        let number = id.as_str().parse::<i64>().ok().filter(|number| *number > 0);
        number.ok_or_else(|| Error::input(self.reading(), "an id of nutshell is a whole number above 0"))
    }

    pub(crate) fn abilities(self, marker: &str) -> Abilities {
        let names = |names: &[&str]| names.iter().map(|name| FieldName::from(*name)).collect();
        let (recovery, volatile) = match self {
            Self::Account | Self::Contact => {
                (Recovery::MarkerField { label: marker.to_owned() }, names(&["modifiedTime"]))
            }
            Self::Lead => (Recovery::MarkerField { label: marker.to_owned() }, names(&["modifiedTime", "closedTime"])),
            Self::Activity => {
                let fields = names(&["name", "activityTypeId", "startTime", "lead", "contact", "account", "owner"]);
                (Recovery::Witness { fields }, names(&["modifiedTime"]))
            }
            Self::Note => {
                let fields = names(&["lead", "contact", "account", "written", "note"]);
                (Recovery::Witness { fields }, names(&[]))
            }
            Self::File => {
                let fields = names(&["name", "size", "lead", "activity", "contact", "account"]);
                (Recovery::Witness { fields }, names(&[]))
            }
        };
        let update = self != Self::File;
        Abilities { update, remove: Removal::Soft, volatile, ..Abilities::plain(recovery) }
    }
}
