//! The kinds of records and how both APIs call them.

use super::answer::Row;
use super::store::{int, list, text};

/// A kind of record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Entity {
    Users,
    Teams,
    Markets,
    Stagesets,
    Milestones,
    Outcomes,
    ActivityTypes,
    AccountTypes,
    Industries,
    Territories,
    Competitors,
    Origins,
    Audiences,
    Sources,
    Tags,
    Products,
    CustomFields,
    Accounts,
    Contacts,
    Leads,
    ProductMaps,
    CompetitorMaps,
    Activities,
    Notes,
    Tasks,
    Files,
    Emails,
    Events,
}

impl Entity {
    pub(super) const ALL: [Self; 28] = [
        Self::Users,
        Self::Teams,
        Self::Markets,
        Self::Stagesets,
        Self::Milestones,
        Self::Outcomes,
        Self::ActivityTypes,
        Self::AccountTypes,
        Self::Industries,
        Self::Territories,
        Self::Competitors,
        Self::Origins,
        Self::Audiences,
        Self::Sources,
        Self::Tags,
        Self::Products,
        Self::CustomFields,
        Self::Accounts,
        Self::Contacts,
        Self::Leads,
        Self::ProductMaps,
        Self::CompetitorMaps,
        Self::Activities,
        Self::Notes,
        Self::Tasks,
        Self::Files,
        Self::Emails,
        Self::Events,
    ];

    /// Its `entityType` in JSON-RPC.
    pub(super) fn rpc(self) -> &'static str {
        match self {
            Self::Users => "Users",
            Self::Teams => "Teams",
            Self::Markets => "Markets",
            Self::Stagesets => "Stagesets",
            Self::Milestones => "Milestones",
            Self::Outcomes => "Lead_Outcomes",
            Self::ActivityTypes => "Activity_Types",
            Self::AccountTypes => "Account_Types",
            Self::Industries => "Industries",
            Self::Territories => "Territories",
            Self::Competitors => "Competitors",
            Self::Origins => "Origins",
            Self::Audiences => "Audiences",
            Self::Sources => "Sources",
            Self::Tags => "Tags",
            Self::Products => "Products",
            Self::CustomFields => "Custom_Fields",
            Self::Accounts => "Accounts",
            Self::Contacts => "Contacts",
            Self::Leads => "Leads",
            Self::ProductMaps => "Lead_Product_Maps",
            Self::CompetitorMaps => "Lead_Competitor_Maps",
            Self::Activities => "Activities",
            Self::Notes => "Notes",
            Self::Tasks => "Tasks",
            Self::Files => "Files",
            Self::Emails => "Emails",
            Self::Events => "Events",
        }
    }

    /// Its `type` in REST, its key in envelopes and dumps, the end of its REST ids.
    pub(super) fn rest(self) -> &'static str {
        match self {
            Self::Users => "users",
            Self::Teams => "teams",
            Self::Markets => "markets",
            Self::Stagesets => "stagesets",
            Self::Milestones => "stages",
            Self::Outcomes => "outcomes",
            Self::ActivityTypes => "activityTypes",
            Self::AccountTypes => "accountTypes",
            Self::Industries => "industries",
            Self::Territories => "territories",
            Self::Competitors => "competitors",
            Self::Origins => "origins",
            Self::Audiences => "emAudiences",
            Self::Sources => "sources",
            Self::Tags => "tags",
            Self::Products => "products",
            Self::CustomFields => "customFields",
            Self::Accounts => "accounts",
            Self::Contacts => "contacts",
            Self::Leads => "leads",
            Self::ProductMaps => "productMaps",
            Self::CompetitorMaps => "competitorMaps",
            Self::Activities => "activities",
            Self::Notes => "notes",
            Self::Tasks => "tasks",
            Self::Files => "files",
            Self::Emails => "emails",
            Self::Events => "events",
        }
    }

    /// One of them, as in error texts.
    pub(super) fn singular(self) -> &'static str {
        match self {
            Self::Activities => "activity",
            Self::Industries => "industry",
            Self::Territories => "territory",
            other => other.rest().strip_suffix('s').unwrap_or_else(|| other.rest()),
        }
    }

    /// By its `entityType` in JSON-RPC.
    pub(super) fn from_rpc(name: &str, any_case: bool) -> Option<Self> {
        let fits = |entity: &Self| entity.rpc() == name || any_case && entity.rpc().eq_ignore_ascii_case(name);
        Self::ALL.into_iter().find(fits)
    }

    /// By its REST type.
    pub(super) fn from_rest(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|entity| entity.rest() == name)
    }

    /// The first id of a fresh instance.
    pub(super) fn first_id(self) -> i64 {
        match self {
            Self::Leads | Self::Outcomes | Self::Teams => 1000,
            _ => 1,
        }
    }

    /// The records that a row of this kind points at, for the look-up the other way round.
    pub(super) fn references(self, row: &Row) -> Vec<(Self, i64)> {
        let one = |key: &str, entity: Self| int(row, key).map(|id| (entity, id));
        let many = |key: &'static str, entity: Self| {
            list(row, key).iter().filter_map(move |item| Some((entity, item.as_i64().or_else(|| item["id"].as_i64())?)))
        };
        let typed = |item: &serde_json::Value| Some((Self::from_rest(item["type"].as_str()?)?, item["id"].as_i64()?));
        let parent = |key: &str| row.get(key).and_then(typed);
        match self {
            Self::Milestones => one("stagesetId", Self::Stagesets).into_iter().collect(),
            Self::Contacts => many("accounts", Self::Accounts).chain(many("tags", Self::Tags)).collect(),
            Self::Accounts => many("tags", Self::Tags).collect(),
            Self::Leads => many("accounts", Self::Accounts)
                .chain(many("contacts", Self::Contacts))
                .chain(many("tags", Self::Tags))
                .collect(),
            Self::ProductMaps | Self::CompetitorMaps => one("lead", Self::Leads).into_iter().collect(),
            Self::Activities => {
                list(row, "participants").iter().filter_map(typed).chain(many("leads", Self::Leads)).collect()
            }
            Self::Notes | Self::Files => parent("parent").into_iter().collect(),
            Self::Tasks => parent("entity").into_iter().collect(),
            _ => Vec::new(),
        }
    }

    /// The words by which a row of this kind is looked up exactly.
    pub(super) fn terms(self, row: &Row) -> Vec<String> {
        let mut terms = Vec::new();
        match self {
            Self::Accounts | Self::Contacts | Self::Leads => {
                let mails = list(row, "emails").iter().filter_map(|entry| entry["value"].as_str());
                terms.extend(mails.map(email_term));
                if let Some(fields) = row.get("customFields").and_then(serde_json::Value::as_object) {
                    let texts = fields.iter().filter_map(|(name, value)| Some(field_term(name, value.as_str()?)));
                    terms.extend(texts);
                }
                if let Some(number) = int(row, "number") {
                    terms.push(number_term(number));
                }
            }
            Self::Users => {
                let mails = list(row, "emails").iter().filter_map(serde_json::Value::as_str);
                terms.extend(mails.map(email_term));
            }
            Self::Sources | Self::Tags | Self::CustomFields => {
                terms.extend(text(row, "name").map(name_term));
            }
            _ => {}
        }
        terms
    }
}

/// Looks up by e-mail.
pub(super) fn email_term(email: &str) -> String {
    format!("@{}", email.trim().to_lowercase())
}

/// Looks up by the text in a custom field.
pub(super) fn field_term(field: &str, value: &str) -> String {
    format!("={field}={value}")
}

/// Looks up by a lead's number.
pub(super) fn number_term(number: i64) -> String {
    format!("#{number}")
}

/// Looks up by name, without regard to case.
pub(super) fn name_term(name: &str) -> String {
    format!("~{}", name.trim().to_lowercase())
}
