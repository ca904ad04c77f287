//! What can be said on the command line.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

/// Moves a CRM export into Pipedrive or Twenty. Without arguments: the bundled export, into a simulator in this process.
#[derive(Debug, Parser)]
#[command(name = "migrate", version)]
pub(crate) struct Options {
    /// Where records come from.
    #[arg(long, value_enum, default_value_t = From::Allegory)]
    pub(crate) from: From,
    /// The export folder; the bundled one where absent. For Klipy the folder of the harvest.
    #[arg(long)]
    pub(crate) export: Option<PathBuf>,
    /// The source's API key (Klipy).
    #[arg(long, env = "CRMKIT_SOURCE_KEY", hide_env_values = true)]
    pub(crate) source_key: Option<String>,
    /// The source's address, where it is not the vendor's (Klipy).
    #[arg(long)]
    pub(crate) source_url: Option<String>,
    /// The currency of amounts that carry none (Klipy).
    #[arg(long)]
    pub(crate) currency: Option<String>,
    /// The source's settings as JSON (APSIS One); the bundled account where absent.
    #[arg(long)]
    pub(crate) source_settings: Option<PathBuf>,
    /// The secret of the source's API key (APSIS One), where it is not in the settings.
    #[arg(long, env = "CRMKIT_SOURCE_SECRET", hide_env_values = true)]
    pub(crate) source_secret: Option<String>,
    /// Where records go.
    #[arg(long, value_enum, default_value_t = To::Pipedrive)]
    pub(crate) to: To,
    /// The destination's address; a simulator in this process where absent.
    #[arg(long)]
    pub(crate) destination_url: Option<String>,
    /// The destination's API token.
    #[arg(long, env = "CRMKIT_TOKEN", hide_env_values = true)]
    pub(crate) token: Option<String>,
    /// The e-mail of the destination's user, where a token alone does not say who speaks (Nutshell).
    #[arg(long)]
    pub(crate) user: Option<String>,
    /// Pipedrive's plan: lite, growth, premium or ultimate.
    #[arg(long, default_value = "ultimate")]
    pub(crate) tier: String,
    /// Pipedrive's paid seats.
    #[arg(long, default_value_t = 35)]
    pub(crate) seats: u32,
    /// Whether the destination has limits.
    #[arg(long, value_enum, default_value_t = Limits::On)]
    pub(crate) limits: Limits,
    /// The ledger's file: what was done is in it, and a second call goes on where the first was.
    #[arg(long, default_value = "migration.crmkit")]
    pub(crate) ledger: PathBuf,
    /// The confirmed plan; the bundled one for the bundled export, the proposal otherwise.
    #[arg(long)]
    pub(crate) plan: Option<PathBuf>,
    /// E-mail of the member who owns what an unmatched owner had.
    #[arg(long)]
    pub(crate) fallback_owner: Option<String>,
    /// The folder for the documents.
    #[arg(long, default_value = "migration-reports")]
    pub(crate) reports: PathBuf,
    /// The step to do.
    #[arg(long, value_enum, default_value_t = Step::All)]
    pub(crate) step: Step,
    /// How many records the trial run takes; the plan's own number where absent.
    #[arg(long)]
    pub(crate) sample: Option<usize>,
    /// What a delta does with a record that changed at both ends; the plan's own choice where absent.
    #[arg(long, value_enum)]
    pub(crate) conflict: Option<Conflict>,
    /// After a reconciliation that found differences, writes our values again and reconciles once more.
    #[arg(long)]
    pub(crate) repair: bool,
    /// Decisions about what is held, as a JSON list: `[{"decision": "owner", "user": "bob", "member": "ann@acme.com"}]`.
    #[arg(long)]
    pub(crate) decisions: Option<PathBuf>,
    /// Approves what is to be approved. Never answers a question.
    #[arg(long)]
    pub(crate) yes: bool,
}

impl Options {
    /// The plan that comes with the bundled export is one for Pipedrive.
    pub(crate) fn has_bundled_plan(&self) -> bool {
        self.from == From::Allegory && self.export.is_none() && self.to == To::Pipedrive
    }
}

/// A source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum From {
    /// An export folder.
    Allegory,
    /// Klipy's interface, its harvest, or both.
    Klipy,
    /// An account of APSIS One.
    ApsisOne,
}

/// A destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum To {
    /// Pipedrive.
    Pipedrive,
    /// Nutshell.
    Nutshell,
    /// Twenty.
    Twenty,
}

/// What a delta does with a record that changed at both ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Conflict {
    /// Leaves the destination's record.
    KeepTheirs,
    /// Writes ours.
    TakeOurs,
    /// Holds it.
    Hold,
}

/// Whether limits are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Limits {
    /// They are.
    On,
    /// They are not.
    Off,
}

/// A step of the migration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Step {
    /// What is in the source.
    Audit,
    /// A plan to confirm.
    Propose,
    /// What the plan would do.
    Review,
    /// Pipelines, stages and fields.
    Prepare,
    /// A few hundred records, compared and taken back.
    Sample,
    /// Everything.
    Run,
    /// What was held, tried again.
    Resolve,
    /// What is new or has changed at the source since.
    Delta,
    /// Everything read back.
    Reconcile,
    /// What was set up, what did not move, what to rebuild, and the log of every write.
    Handover,
    /// Everything taken back.
    Rollback,
    /// The end: it can no longer be taken back.
    Accept,
    /// From audit to reconcile.
    All,
}
