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
    /// The key is accepted and its value is kept.
    Kept,
}

/// How a list or map without entries is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EmptyMap {
    /// The key is absent.
    Absent,
    /// `[]`, as PHP writes an empty map.
    List,
    /// `{}`.
    Object,
}

/// How the value of a date field comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DateForm {
    /// `2024-03-01T00:00:00+0000`.
    Atom,
    /// `1709251200`.
    Unix,
    /// `2024-03-01`.
    Day,
}

/// What marks a task as done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskCompletion {
    /// Nothing: both keys are accepted and have no effect.
    Nothing,
    /// `status: 1`; it is completed now.
    Status,
    /// `completedTime`, which is kept.
    CompletedTime,
}

/// What a custom field of a name that is taken does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SameField {
    /// The request fails with 400.
    Refused,
    /// Nothing is made, and the request succeeds.
    Ignored,
    /// A second field of the same name is made.
    Added,
}

/// How the unknowns behave; [`Switches::default`] is the likelier answer to each.
///
/// ```
/// use crmkit_nutshell::simulator::Switches;
///
/// let mut switches = Switches::default();
/// assert!(switches.errors_in_status);
/// switches.errors_in_status = false;
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Switches {
    /// JSON-RPC errors have their code as HTTP status, as seen live; else 200, as documented. 401 is always 401.
    pub errors_in_status: bool,
    /// Successful JSON-RPC answers have `error: null`, as in old samples.
    pub error_null: bool,
    /// Arrays of JSON-RPC requests are answered one by one; else refused.
    pub rpc_batches: bool,
    /// The code of an error about wrong parameters.
    pub bad_params_code: i64,
    /// The code of an error that the user may not cause.
    pub forbidden_code: i64,
    /// The code of an error about wrong values: an unknown custom field, a tag that exists already.
    pub invalid_code: i64,
    /// The code of an error about a plan's cap.
    pub plan_cap_code: i64,
    /// `entityType` may be written in lower case, too.
    pub entity_type_any_case: bool,
    /// Whoever an impersonation key names is the author of what is written; else the key itself.
    pub impersonation_sets_author: bool,
    /// Users who are disabled can still be impersonated.
    pub disabled_users_may_write: bool,

    /// How empty maps (`customFields`, `email`, …) are written.
    pub empty_maps: EmptyMap,
    /// Empty scalars are absent, not null.
    pub nulls_are_absent: bool,
    /// The `rev` of a stub is a number.
    pub stub_rev_is_number: bool,
    /// Amounts of money are written as text.
    pub amounts_are_text: bool,
    /// Money has `currency_shortname` instead of `currency`.
    pub currency_shortname: bool,
    /// The ids of outcomes are written as text.
    pub outcome_ids_are_text: bool,
    /// A REST id is the JSON-RPC id plus this.
    pub rest_id_offset: i64,
    /// The REST id of a stage is the JSON-RPC id of the milestone plus this; the samples show 37 and 101.
    pub stage_id_offset: i64,

    /// The first e-mail, phone … of a list is the primary one; else the last.
    pub first_is_primary: bool,
    /// An entry labelled `--primary` that is sent back becomes a further entry; else it is dropped.
    pub primary_is_copied: bool,
    /// A URL without a scheme gets one.
    pub urls_get_a_scheme: bool,
    /// Names lose outer white space.
    pub names_are_trimmed: bool,
    /// A contact's `name` may be an object of given and family name.
    pub name_objects: bool,
    /// Two contacts may have the same e-mail.
    pub same_email_allowed: bool,
    /// Keys that no document names are refused; else ignored.
    pub unknown_keys_refused: bool,
    /// `legacyId` in a write.
    pub legacy_id: Stray,
    /// `createdTime` in a write.
    pub created_time: Stray,
    /// `closedTime` beside an outcome.
    pub closed_time: Stray,
    /// `value` of a lead in a JSON-RPC write.
    pub lead_value: Stray,
    /// `parentAccount` (`{"id":5}`) of an account in a write.
    pub parent_account: Stray,
    /// A write that links two records, or adds a note, raises the `rev` of the other record, too.
    pub links_raise_rev: bool,

    /// A closed lead can be moved to another stage.
    pub closed_leads_move: bool,
    /// `findLeads` without `filter` finds only the caller's leads.
    pub find_leads_is_mine: bool,
    /// `findUsers` heeds `query.email`.
    pub find_users_by_email: bool,
    /// A full `find*` with a `limit` above 100 is refused; else 100 come.
    pub full_limit_refused: bool,

    /// `newActivity` takes `status: 1`; else the activity stays scheduled.
    pub new_activity_logs: bool,
    /// An activity can be cancelled with `status: 2`.
    pub activities_can_be_cancelled: bool,
    /// The caller takes part in an activity without a user.
    pub caller_takes_part: bool,
    /// All-day activities begin and end at midnight in a zone so many minutes ahead of UTC; null: as they were sent.
    pub all_day_zone: Option<i64>,
    /// REST takes leads as participants of a new activity.
    pub rest_lead_participants: bool,
    /// What marks a task as done.
    pub task_completion: TaskCompletion,
    /// `newNote` takes `{"body": …}` as a note, too.
    pub note_body_key: bool,
    /// `newProduct` takes `prices` in the documented form; else it is refused.
    pub product_prices: bool,
    /// Tags are compared without regard to case.
    pub tags_ignore_case: bool,

    /// How dates in custom fields come back.
    pub date_form: DateForm,
    /// Several choices are a list of texts; else one text with commas.
    pub multiple_is_list: bool,
    /// A choice that the field does not have is refused; else kept.
    pub unlisted_choices_refused: bool,
    /// Custom fields that an edit does not name keep their values; else they lose them.
    pub custom_fields_merge: bool,
    /// A field name of more than 40 characters and a `String` of more than 255 are refused.
    pub field_lengths: bool,
    /// What a custom field of a name that is taken does.
    pub same_field: SameField,
    /// Only administrators can add custom fields.
    pub fields_need_admin: bool,
    /// How many custom fields all record types may have together; null: any number.
    pub field_cap: Option<usize>,
    /// Adding a custom field answers with the field; else with nothing.
    pub field_create_body: bool,
    /// A new custom field is seen only after this many milliseconds.
    pub field_lag_ms: i64,

    /// REST lists show a new record, and forget a deleted one, only after this many milliseconds.
    pub list_lag_ms: i64,
    /// `search*` finds a record only after this many milliseconds.
    pub search_lag_ms: i64,
    /// `find*` finds a record only after this many milliseconds.
    pub find_lag_ms: i64,
    /// Lists are bare arrays where the document has them; else always wrapped.
    pub bare_lists: bool,
    /// A successful PATCH answers 204; else 200 with the record.
    pub patch_is_empty: bool,
    /// The status of a PATCH with another content type.
    pub content_type_status: u16,
    /// `~1` and `~0` in a patch path are read as `/` and `~`.
    pub pointer_escapes: bool,

    /// Reading a deleted record by id answers with its `deletedTime`; else as if it never was.
    pub deleted_is_readable: bool,
    /// Deleting a deleted record succeeds.
    pub deleted_is_deletable: bool,
    /// Deleted records are gone for good after this many days.
    pub purge_days: i64,
    /// Deleting an account deletes its people and leads.
    pub delete_cascades: bool,
    /// Files that a write leaves out of `file` are removed.
    pub files_can_be_removed: bool,
    /// The largest file that is taken, in bytes; null: any.
    pub file_cap: Option<usize>,

    /// A plan's cap on open leads is enforced.
    pub lead_cap: bool,
    /// How many contacts the instance may have; null: any number.
    pub contact_cap: Option<usize>,
    /// How many calls are let through in a window; 0: any number.
    pub throttle_calls: usize,
    /// How many `find*` with full records are let through in a window; 0: any number.
    pub throttle_full_finds: usize,
    /// The length of the window.
    pub throttle_ms: i64,
    /// The status of a throttled call.
    pub throttle_status: u16,
    /// A throttled call is told in `retry-after` how long to wait.
    pub retry_after: bool,
    /// The instance's automations run: each new lead gets a task that nobody asked for.
    pub automations: bool,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            errors_in_status: true,
            error_null: false,
            rpc_batches: false,
            bad_params_code: -32602,
            forbidden_code: 403,
            invalid_code: 400,
            plan_cap_code: 403,
            entity_type_any_case: false,
            impersonation_sets_author: true,
            disabled_users_may_write: false,
            empty_maps: EmptyMap::Absent,
            nulls_are_absent: false,
            stub_rev_is_number: false,
            amounts_are_text: false,
            currency_shortname: false,
            outcome_ids_are_text: true,
            rest_id_offset: 0,
            stage_id_offset: 64,
            first_is_primary: true,
            primary_is_copied: true,
            urls_get_a_scheme: true,
            names_are_trimmed: true,
            name_objects: true,
            same_email_allowed: true,
            unknown_keys_refused: false,
            legacy_id: Stray::Ignored,
            created_time: Stray::Ignored,
            closed_time: Stray::Ignored,
            lead_value: Stray::Ignored,
            parent_account: Stray::Ignored,
            links_raise_rev: false,
            closed_leads_move: true,
            find_leads_is_mine: true,
            find_users_by_email: true,
            full_limit_refused: true,
            new_activity_logs: true,
            activities_can_be_cancelled: true,
            caller_takes_part: true,
            all_day_zone: None,
            rest_lead_participants: true,
            task_completion: TaskCompletion::Nothing,
            note_body_key: false,
            product_prices: true,
            tags_ignore_case: true,
            date_form: DateForm::Atom,
            multiple_is_list: true,
            unlisted_choices_refused: true,
            custom_fields_merge: true,
            field_lengths: true,
            same_field: SameField::Refused,
            fields_need_admin: true,
            field_cap: None,
            field_create_body: false,
            field_lag_ms: 0,
            list_lag_ms: 5_000,
            search_lag_ms: 5_000,
            find_lag_ms: 0,
            bare_lists: true,
            patch_is_empty: true,
            content_type_status: 400,
            pointer_escapes: true,
            deleted_is_readable: true,
            deleted_is_deletable: true,
            purge_days: 30,
            delete_cascades: false,
            files_can_be_removed: true,
            file_cap: None,
            lead_cap: true,
            contact_cap: None,
            throttle_calls: 0,
            throttle_full_finds: 0,
            throttle_ms: 1_000,
            throttle_status: 429,
            retry_after: false,
            automations: false,
        }
    }
}
