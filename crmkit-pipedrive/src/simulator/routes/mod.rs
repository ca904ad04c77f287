//! What each modelled operation does, one file per kind of record.

mod activities;
mod activity_types;
pub(super) mod conversions;
pub(super) mod currencies;
mod deal_products;
mod deals;
mod fields;
mod fields_v1;
pub(super) mod files;
mod filters;
pub(super) mod followers;
mod lead_labels;
mod lead_values;
mod leads;
mod merges;
mod note_comments;
mod notes;
mod organizations;
pub(super) mod participants;
mod persons;
mod pipelines;
mod products;
pub(super) mod records;
mod relationships;
mod search;
mod stages;
mod users;

use super::answer::Answered;
use super::call::Call;

/// Plays one operation.
pub(super) type Route = fn(&mut Call<'_>) -> Answered;

/// The route of an operation, if it is modelled.
pub(super) fn find(method: &str, template: &str) -> Option<Route> {
    let families = [
        users::route,
        pipelines::route,
        stages::route,
        fields::route,
        fields_v1::route,
        organizations::route,
        persons::route,
        deals::route,
        activities::route,
        activity_types::route,
        leads::route,
        lead_labels::route,
        conversions::route,
        files::route,
        participants::route,
        followers::route,
        filters::route,
        products::route,
        deal_products::route,
        merges::route,
        relationships::route,
        notes::route,
        note_comments::route,
        currencies::route,
        search::route,
    ];
    families.iter().find_map(|family| family(method, template))
}
