//! What nobody outside the vendor knows for sure: each open question is a switch, so both answers can be tested.

use serde::{Deserialize, Serialize};

/// What happens to a key that may or may not be accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stray {
    /// The request fails with 400.
    Refused,
    /// The key is accepted and has no effect.
    Ignored,
}

/// In which form a time of day is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DueTimes {
    /// `09:00` and `09:00:00`.
    Either,
    /// Only `09:00:00`.
    Seconds,
    /// Only `09:00`.
    Minutes,
}

/// How the vendor limits requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LimitModel {
    /// Since December 2024: tokens a day for the company, bursts for each token.
    DailyTokens,
    /// Before: 80 requests in two seconds and 10,000 writes a day for each token.
    Requests,
    /// Tokens a minute for the company: 5,000, 10,000 or 25,000 by plan.
    TokensPerMinute,
}

/// How the values of a multiple-choice field stand in a lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SetNotation {
    /// `"1,2"` and `[1, 2]` are taken, `"1,2"` is answered.
    Either,
    /// Only `"1,2"`.
    Text,
    /// Only `[1, 2]`.
    Array,
}

/// How the unknowns behave; [`Switches::default`] is the likelier answer to each.
///
/// ```
/// use crmkit_pipedrive::simulator::{Stray, Switches};
///
/// let mut switches = Switches::default();
/// assert_eq!(switches.deal_add_time, Stray::Refused);
/// switches.deal_add_time = Stray::Ignored;
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Switches {
    /// `add_time` on a deal.
    pub deal_add_time: Stray,
    /// Any other key that is not in the schema of a v2 body, at its top level.
    pub unknown_keys: Stray,
    /// A `limit` above the maximum of a v2 list: refused, or taken as the maximum.
    pub limit_over_max: Stray,
    /// Reading a deleted record by id: answered with `is_deleted: true` (or 404).
    pub deleted_is_readable: bool,
    /// Deleted records are gone for good after this many days.
    pub purge_days: i64,
    /// A new pipeline comes with the usual five stages.
    pub default_stages: bool,
    /// A stage or pipeline that has deals can be deleted (or 400).
    pub stage_with_deals_deletable: bool,
    /// A stage of another pipeline than the given one: 400, 403 as seen once, or 200, and the stage wins.
    pub stage_mismatch_status: u16,
    /// Deleting a record deletes its notes and relationships.
    pub delete_cascades: bool,
    /// Writing or deleting a deal, person, note or relationship moves the `update_time` of what it hangs on.
    pub writes_touch_parents: bool,
    /// Label options can be added to the built-in field `label_ids`.
    pub label_options_writable: bool,
    /// Changing pipelines, stages, fields and activity types needs an administrator.
    pub schema_needs_admin: bool,
    /// `person_id` of an activity, which is set through the primary participant.
    pub activity_person_id: Stray,
    /// In which form `due_time` of an activity is taken.
    pub due_times: DueTimes,
    /// `due_time` and `duration` of an activity are answered as `09:00:00` (or `09:00`).
    pub times_have_seconds: bool,
    /// An activity written as done was done now (or when it was due).
    pub done_is_now: bool,
    /// Attendees of an activity get a mail, to be seen in the table `invitations`.
    pub attendees_are_invited: bool,
    /// HTML of notes and activities loses what is not allowed in it (or is kept as it came).
    pub html_is_cleaned: bool,
    /// How many activity types a company may have; 0: any number.
    pub activity_types_cap: usize,
    /// How multiple choices stand in a lead.
    pub lead_sets: SetNotation,
    /// Converting a lead or a deal takes this many milliseconds.
    pub conversion_ms: i64,
    /// How large a file may be, in bytes.
    pub file_bytes: usize,
    /// What a larger file is answered with: 413 (or 400).
    pub file_too_large_status: u16,
    /// How large all files together may be, in bytes; 0: of any size.
    pub storage_bytes: i64,
    /// A download answers with a redirect to a signed address (or with the content).
    pub download_redirects: bool,
    /// The main person of a deal is listed as a participant, too.
    pub main_person_participates: bool,
    /// Adding a participant that is one already: 400, or the one there is.
    pub participant_again: Stray,
    /// The owner of a record follows it without being asked.
    pub owner_follows: bool,
    /// How many filters a company may have; 0: any number.
    pub filters_cap: usize,
    /// How many relationships of organizations a company may have; 0: any number.
    pub relationships_cap: usize,
    /// A deal with products is worth their sum.
    pub products_value_deals: bool,
    /// How requests are limited.
    pub limit_model: LimitModel,
    /// How many writes a token has a day: refused beyond in the model of requests, else only told.
    pub writes_per_day: u64,
    /// A token is taken from `?api_token=`, too.
    pub query_token: bool,
    /// A refresh token can be used once (or again and again).
    pub refresh_tokens_rotate: bool,
    /// Errors of validation carry a `code`.
    pub errors_have_code: bool,
    /// A 429 has a JSON body (or plain text).
    pub over_limit_is_json: bool,
    /// A cursor of a v2 list is good for so many minutes; 0: for ever.
    pub cursor_minutes: i64,
    /// A user who is not active can own records.
    pub inactive_can_own: bool,
    /// Lists of pipelines and stages hold deleted ones, too.
    pub deleted_stages_listed: bool,
    /// How many labels a deal may have; 0: any number.
    pub labels_per_deal_cap: usize,
    /// How many e-mail addresses, and how many phone numbers, a person may have; 0: any number.
    pub emails_per_person_cap: usize,
    /// E-mail addresses of persons must look like some.
    pub emails_are_checked: bool,
    /// How many notes a deal may have; 0: any number.
    pub notes_per_deal_cap: usize,
    /// A note hangs on one record only.
    pub notes_have_one_parent: bool,
    /// Deleting what is deleted already succeeds (or 404).
    pub delete_again_succeeds: bool,
    /// How long names and titles may be, in characters; 0: of any length.
    pub name_chars: usize,
    /// A new custom field is accepted in writes only after this many milliseconds.
    pub field_lag_ms: i64,
    /// A record is found by search only after this many milliseconds.
    pub search_lag_ms: i64,
    /// Backdating `add_time` of organizations and persons needs an administrator.
    pub backdating_needs_admin: bool,
    /// The account syncs contacts: persons have `job_title`, `birthday`, `notes`, `im`, `postal_address`.
    pub contact_sync: bool,
    /// Organizations have `website`, `linkedin`, `industry`, `annual_revenue`, `employee_count`.
    pub firmographics: bool,
    /// The account has the Campaigns add-on: persons have `marketing_status`.
    pub campaigns: bool,
    /// Calls that fail with 4xx spend tokens, too.
    pub failed_calls_cost: bool,
    /// Search calls count in the general burst window, too.
    pub search_counts_as_burst: bool,
    /// A 429 carries `retry-after`.
    pub retry_after: bool,
    /// Answers carry the headers of the daily budget.
    pub daily_headers: bool,
    /// The hour (UTC) at which the daily budget is whole again.
    pub reset_hour: i64,
    /// After this many 429 in a row the token is blocked with a page of HTML and 403; 0: never.
    pub block_after: u32,
    /// How long the block lasts, in seconds.
    pub block_seconds: i64,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            deal_add_time: Stray::Refused,
            unknown_keys: Stray::Refused,
            limit_over_max: Stray::Refused,
            deleted_is_readable: true,
            purge_days: 30,
            default_stages: false,
            stage_with_deals_deletable: false,
            stage_mismatch_status: 400,
            delete_cascades: false,
            writes_touch_parents: true,
            label_options_writable: true,
            schema_needs_admin: true,
            activity_person_id: Stray::Refused,
            due_times: DueTimes::Either,
            times_have_seconds: true,
            done_is_now: true,
            attendees_are_invited: false,
            html_is_cleaned: true,
            activity_types_cap: 0,
            lead_sets: SetNotation::Either,
            conversion_ms: 0,
            file_bytes: 50_000_000,
            file_too_large_status: 413,
            storage_bytes: 0,
            download_redirects: false,
            main_person_participates: true,
            participant_again: Stray::Refused,
            owner_follows: true,
            filters_cap: 0,
            relationships_cap: 0,
            products_value_deals: true,
            limit_model: LimitModel::DailyTokens,
            writes_per_day: 10_000,
            query_token: false,
            refresh_tokens_rotate: true,
            errors_have_code: true,
            over_limit_is_json: true,
            cursor_minutes: 0,
            inactive_can_own: false,
            deleted_stages_listed: false,
            labels_per_deal_cap: 0,
            emails_per_person_cap: 0,
            emails_are_checked: false,
            notes_per_deal_cap: 0,
            notes_have_one_parent: false,
            delete_again_succeeds: false,
            name_chars: 255,
            field_lag_ms: 0,
            search_lag_ms: 0,
            backdating_needs_admin: false,
            contact_sync: false,
            firmographics: false,
            campaigns: false,
            failed_calls_cost: true,
            search_counts_as_burst: true,
            retry_after: true,
            daily_headers: true,
            reset_hour: 0,
            block_after: 50,
            block_seconds: 60,
        }
    }
}
