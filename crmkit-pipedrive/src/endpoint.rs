//! The endpoints we call and what each costs.

use crmkit_core::http::reqwest::Method;

/// One endpoint. Its cost is the vendor's `x-token-cost`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Endpoint {
    pub(crate) verb: Verb,
    /// `{}` stands for ids.
    pub(crate) path: &'static str,
    pub(crate) cost: u32,
    pub(crate) operation: &'static str,
    /// Sent twice, it would create two.
    pub(crate) creating: bool,
}

/// A method that a constant can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    Get,
    Post,
    Patch,
    Put,
    Delete,
}

impl From<Verb> for Method {
    fn from(verb: Verb) -> Self {
        match verb {
            Verb::Get => Self::GET,
            Verb::Post => Self::POST,
            Verb::Patch => Self::PATCH,
            Verb::Put => Self::PUT,
            Verb::Delete => Self::DELETE,
        }
    }
}

macro_rules! endpoints {
    ($($name:ident: $method:ident $path:literal $cost:literal $operation:literal;)*) => {
        $(pub(crate) const $name: Endpoint = Endpoint {
            verb: Verb::$method,
            path: $path,
            cost: $cost,
            operation: $operation,
            creating: matches!(Verb::$method, Verb::Post),
        };)*

        /// All of them, for the test against the vendor's document.
        #[cfg(test)]
        const ALL: &[Endpoint] = &[$($name),*];
    };
}

endpoints! {
    ORGANIZATION_LIST: Get "/api/v2/organizations" 10 "organization.list";
    ORGANIZATION_GET: Get "/api/v2/organizations/{}" 1 "organization.get";
    ORGANIZATION_CREATE: Post "/api/v2/organizations" 5 "organization.create";
    ORGANIZATION_UPDATE: Patch "/api/v2/organizations/{}" 5 "organization.update";
    ORGANIZATION_DELETE: Delete "/api/v2/organizations/{}" 3 "organization.remove";
    ORGANIZATION_FIELD_LIST: Get "/api/v2/organizationFields" 10 "organization_field.list";
    ORGANIZATION_FIELD_CREATE: Post "/api/v2/organizationFields" 5 "organization_field.create";
    ORGANIZATION_FIELD_DELETE: Delete "/api/v2/organizationFields/{}" 3 "organization_field.retire";
    ORGANIZATION_OPTION_CREATE: Post "/api/v2/organizationFields/{}/options" 5 "organization_option.create";
    ORGANIZATION_OPTION_DELETE: Delete "/api/v2/organizationFields/{}/options" 3 "organization_option.retire";
    PERSON_LIST: Get "/api/v2/persons" 10 "person.list";
    PERSON_GET: Get "/api/v2/persons/{}" 1 "person.get";
    PERSON_CREATE: Post "/api/v2/persons" 5 "person.create";
    PERSON_UPDATE: Patch "/api/v2/persons/{}" 5 "person.update";
    PERSON_DELETE: Delete "/api/v2/persons/{}" 3 "person.remove";
    PERSON_FIELD_LIST: Get "/api/v2/personFields" 10 "person_field.list";
    PERSON_FIELD_CREATE: Post "/api/v2/personFields" 5 "person_field.create";
    PERSON_FIELD_DELETE: Delete "/api/v2/personFields/{}" 3 "person_field.retire";
    PERSON_OPTION_CREATE: Post "/api/v2/personFields/{}/options" 5 "person_option.create";
    PERSON_OPTION_DELETE: Delete "/api/v2/personFields/{}/options" 3 "person_option.retire";
    DEAL_LIST: Get "/api/v2/deals" 10 "deal.list";
    DEAL_GET: Get "/api/v2/deals/{}" 1 "deal.get";
    DEAL_CREATE: Post "/api/v2/deals" 5 "deal.create";
    DEAL_UPDATE: Patch "/api/v2/deals/{}" 5 "deal.update";
    DEAL_DELETE: Delete "/api/v2/deals/{}" 3 "deal.remove";
    DEAL_FIELD_LIST: Get "/api/v2/dealFields" 10 "deal_field.list";
    DEAL_FIELD_CREATE: Post "/api/v2/dealFields" 5 "deal_field.create";
    DEAL_FIELD_DELETE: Delete "/api/v2/dealFields/{}" 3 "deal_field.retire";
    DEAL_OPTION_CREATE: Post "/api/v2/dealFields/{}/options" 5 "deal_option.create";
    DEAL_OPTION_DELETE: Delete "/api/v2/dealFields/{}/options" 3 "deal_option.retire";
    NOTE_LIST: Get "/api/v1/notes" 20 "note.list";
    NOTE_GET: Get "/api/v1/notes/{}" 2 "note.get";
    NOTE_CREATE: Post "/api/v1/notes" 10 "note.create";
    NOTE_UPDATE: Put "/api/v1/notes/{}" 10 "note.update";
    NOTE_DELETE: Delete "/api/v1/notes/{}" 6 "note.remove";
    RELATIONSHIP_LIST: Get "/api/v1/organizationRelationships" 20 "organization_relationship.list";
    RELATIONSHIP_GET: Get "/api/v1/organizationRelationships/{}" 2 "organization_relationship.get";
    RELATIONSHIP_CREATE: Post "/api/v1/organizationRelationships" 10 "organization_relationship.create";
    RELATIONSHIP_UPDATE: Put "/api/v1/organizationRelationships/{}" 10 "organization_relationship.update";
    RELATIONSHIP_DELETE: Delete "/api/v1/organizationRelationships/{}" 6 "organization_relationship.remove";
    FILE_LIST: Get "/api/v1/files" 20 "file.list";
    FILE_GET: Get "/api/v1/files/{}" 2 "file.get";
    FILE_CREATE: Post "/api/v1/files" 10 "file.create";
    FILE_DELETE: Delete "/api/v1/files/{}" 6 "file.remove";
    FILE_DOWNLOAD: Get "/api/v1/files/{}/download" 20 "file.download";
    PARTICIPANT_LIST: Get "/api/v1/deals/{}/participants" 10 "deal_participant.list";
    PARTICIPANT_CREATE: Post "/api/v1/deals/{}/participants" 10 "deal_participant.create";
    PARTICIPANT_DELETE: Delete "/api/v1/deals/{}/participants/{}" 6 "deal_participant.remove";
    ORGANIZATION_FOLLOWER_LIST: Get "/api/v2/organizations/{}/followers" 10 "organization_follower.list";
    ORGANIZATION_FOLLOWER_CREATE: Post "/api/v2/organizations/{}/followers" 5 "organization_follower.create";
    ORGANIZATION_FOLLOWER_DELETE: Delete "/api/v2/organizations/{}/followers/{}" 3 "organization_follower.remove";
    PERSON_FOLLOWER_LIST: Get "/api/v2/persons/{}/followers" 10 "person_follower.list";
    PERSON_FOLLOWER_CREATE: Post "/api/v2/persons/{}/followers" 5 "person_follower.create";
    PERSON_FOLLOWER_DELETE: Delete "/api/v2/persons/{}/followers/{}" 3 "person_follower.remove";
    DEAL_FOLLOWER_LIST: Get "/api/v2/deals/{}/followers" 10 "deal_follower.list";
    DEAL_FOLLOWER_CREATE: Post "/api/v2/deals/{}/followers" 5 "deal_follower.create";
    DEAL_FOLLOWER_DELETE: Delete "/api/v2/deals/{}/followers/{}" 3 "deal_follower.remove";
    LEAD_LIST: Get "/api/v1/leads" 20 "lead.list";
    LEAD_GET: Get "/api/v1/leads/{}" 2 "lead.get";
    LEAD_CREATE: Post "/api/v1/leads" 10 "lead.create";
    LEAD_UPDATE: Patch "/api/v1/leads/{}" 10 "lead.update";
    LEAD_DELETE: Delete "/api/v1/leads/{}" 6 "lead.remove";
    LEAD_LABEL_LIST: Get "/api/v1/leadLabels" 10 "lead_label.list";
    LEAD_LABEL_CREATE: Post "/api/v1/leadLabels" 10 "lead_label.create";
    LEAD_LABEL_DELETE: Delete "/api/v1/leadLabels/{}" 6 "lead_label.retire";
    ACTIVITY_LIST: Get "/api/v2/activities" 10 "activity.list";
    ACTIVITY_GET: Get "/api/v2/activities/{}" 1 "activity.get";
    ACTIVITY_CREATE: Post "/api/v2/activities" 5 "activity.create";
    ACTIVITY_UPDATE: Patch "/api/v2/activities/{}" 5 "activity.update";
    ACTIVITY_DELETE: Delete "/api/v2/activities/{}" 3 "activity.remove";
    ACTIVITY_TYPE_LIST: Get "/api/v1/activityTypes" 20 "activity_type.list";
    ACTIVITY_TYPE_CREATE: Post "/api/v1/activityTypes" 10 "activity_type.create";
    ACTIVITY_TYPE_DELETE: Delete "/api/v1/activityTypes/{}" 6 "activity_type.retire";
    PIPELINE_LIST: Get "/api/v2/pipelines" 5 "pipeline.list";
    PIPELINE_CREATE: Post "/api/v2/pipelines" 5 "pipeline.create";
    PIPELINE_DELETE: Delete "/api/v2/pipelines/{}" 3 "pipeline.retire";
    STAGE_LIST: Get "/api/v2/stages" 5 "stage.list";
    STAGE_CREATE: Post "/api/v2/stages" 5 "stage.create";
    STAGE_DELETE: Delete "/api/v2/stages/{}" 3 "stage.retire";
    USER_LIST: Get "/api/v1/users" 20 "user.list";
    USER_ME: Get "/api/v1/users/me" 2 "user.me";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_costs_are_the_vendors() {
        let text = include_str!("simulator/pipedrive-endpoints.json");
        let document: serde_json::Value = serde_json::from_str(text).unwrap();
        for endpoint in ALL {
            let known = document["endpoints"].as_array().unwrap().iter().find(|known| {
                let path = known["path"].as_str().unwrap();
                let same = path
                    .split('/')
                    .zip(endpoint.path.split('/'))
                    .all(|(a, b)| a == b || (a.starts_with('{') && b == "{}"));
                let method = Method::from(endpoint.verb);
                known["method"] == method.as_str()
                    && same
                    && path.matches('/').count() == endpoint.path.matches('/').count()
            });
            let known = known.unwrap_or_else(|| panic!("{endpoint:?} is not in the vendor's document"));
            assert_eq!(known["cost"], endpoint.cost, "{endpoint:?}");
            assert_ne!(known["deprecated"], true, "{endpoint:?}");
        }
    }
}
