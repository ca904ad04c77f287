//! The kinds of records: what they are called, what they point at, where their fields are defined.

use serde::{Deserialize, Serialize};

use super::answer::Row;
use super::table::flag;

/// The kinds of records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Entity {
    Users,
    Pipelines,
    Stages,
    DealFields,
    PersonFields,
    OrganizationFields,
    Organizations,
    Persons,
    Deals,
    OrganizationRelationships,
    Notes,
    ActivityFields,
    ActivityTypes,
    Activities,
    Invitations,
    LeadLabels,
    Leads,
    Conversions,
    Files,
    Participants,
    Followers,
    Filters,
    ProductFields,
    Products,
    ProductVariations,
    DealProducts,
    NoteComments,
}

impl Entity {
    pub(super) const ALL: [Self; 27] = [
        Self::Users,
        Self::Pipelines,
        Self::Stages,
        Self::DealFields,
        Self::PersonFields,
        Self::OrganizationFields,
        Self::Organizations,
        Self::Persons,
        Self::Deals,
        Self::OrganizationRelationships,
        Self::Notes,
        Self::ActivityFields,
        Self::ActivityTypes,
        Self::Activities,
        Self::Invitations,
        Self::LeadLabels,
        Self::Leads,
        Self::Conversions,
        Self::Files,
        Self::Participants,
        Self::Followers,
        Self::Filters,
        Self::ProductFields,
        Self::Products,
        Self::ProductVariations,
        Self::DealProducts,
        Self::NoteComments,
    ];

    /// The name in paths, dumps and cursors.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Users => "users",
            Self::Pipelines => "pipelines",
            Self::Stages => "stages",
            Self::DealFields => "dealFields",
            Self::PersonFields => "personFields",
            Self::OrganizationFields => "organizationFields",
            Self::Organizations => "organizations",
            Self::Persons => "persons",
            Self::Deals => "deals",
            Self::OrganizationRelationships => "organizationRelationships",
            Self::Notes => "notes",
            Self::ActivityFields => "activityFields",
            Self::ActivityTypes => "activityTypes",
            Self::Activities => "activities",
            Self::Invitations => "invitations",
            Self::LeadLabels => "leadLabels",
            Self::Leads => "leads",
            Self::Conversions => "conversions",
            Self::Files => "files",
            Self::Participants => "participants",
            Self::Followers => "followers",
            Self::Filters => "filters",
            Self::ProductFields => "productFields",
            Self::Products => "products",
            Self::ProductVariations => "productVariations",
            Self::DealProducts => "dealProducts",
            Self::NoteComments => "noteComments",
        }
    }

    /// One of them, as in error texts.
    pub(super) fn singular(self) -> &'static str {
        match self {
            Self::Deals | Self::DealFields => "deal",
            Self::Persons | Self::PersonFields => "person",
            Self::Organizations | Self::OrganizationFields => "organization",
            Self::Activities | Self::ActivityFields => "activity",
            Self::Leads => "lead",
            Self::Products | Self::ProductFields => "product",
            other => other.name(),
        }
    }

    /// Whether the ids are UUIDs.
    pub(super) fn has_uuids(self) -> bool {
        matches!(self, Self::Leads | Self::LeadLabels | Self::Conversions | Self::NoteComments)
    }

    /// Where the custom fields of this kind of record are defined.
    pub(super) fn fields(self) -> Option<Self> {
        match self {
            // Leads have no fields of their own: they share those of deals.
            Self::Deals | Self::Leads => Some(Self::DealFields),
            Self::Persons => Some(Self::PersonFields),
            Self::Organizations => Some(Self::OrganizationFields),
            Self::Products => Some(Self::ProductFields),
            _ => None,
        }
    }

    /// Which records have the fields defined here.
    pub(super) fn records(self) -> impl Iterator<Item = Self> {
        let all = [Self::Deals, Self::Leads, Self::Persons, Self::Organizations, Self::Products];
        all.into_iter().filter(move |records| records.fields() == Some(self))
    }

    /// The links by which its records are indexed.
    pub(super) fn links(self) -> &'static [&'static str] {
        match self {
            Self::Stages => &["pipeline_id"],
            Self::Organizations => &["owner_id"],
            Self::Persons => &["org_id", "owner_id"],
            Self::Deals => &["org_id", "person_id", "stage_id", "pipeline_id", "owner_id"],
            Self::OrganizationRelationships => &["rel_owner_org_id", "rel_linked_org_id"],
            Self::Notes => &["deal_id", "person_id", "org_id", "lead_id", "user_id"],
            Self::Activities => &["deal_id", "lead_id", "person_id", "org_id", "owner_id"],
            Self::Leads => &["person_id", "organization_id", "owner_id"],
            Self::Files => &["deal_id", "person_id", "org_id", "activity_id", "lead_id", "product_id"],
            Self::Products => &["owner_id"],
            Self::ProductVariations => &["product_id"],
            Self::DealProducts => &["deal_id", "product_id"],
            Self::NoteComments => &["note_id"],
            Self::Participants => &["deal_id", "person_id"],
            Self::Followers => &["deal_id", "person_id", "org_id", "product_id", "user_id"],
            _ => &[],
        }
    }

    /// Whether a row of this kind counts as deleted.
    pub(super) fn is_deleted(self, row: &Row) -> bool {
        match self {
            Self::Users => false,
            Self::Notes
            | Self::OrganizationRelationships
            | Self::ActivityTypes
            | Self::Files
            | Self::Participants
            | Self::NoteComments
            | Self::Filters => !flag(row, "active_flag"),
            _ => flag(row, "is_deleted"),
        }
    }

    /// The kind with this name.
    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|entity| entity.name() == name)
    }
}
