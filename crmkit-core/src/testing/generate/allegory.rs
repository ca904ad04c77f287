//! A messy Allegory export.

use std::{fs, io, path::Path};

use serde_json::json;

use super::{
    activity, attached, custom,
    draft::{Content, Extra, Made},
    expected::{Expected, ExpectedReject, ExpectedUser, Fate, Told},
    lead,
    record::{STAGES, THIRD, email_of_user},
    sheet::Sheet,
    wider,
};

/// Writes a messy Allegory export of any size, and says what should become of each record.
///
/// The same seed and sizes give the same bytes on every machine. In it: two pipelines with the same stage names, parent
/// companies with a cycle of two (`c1`, `c2`) and one that is its own parent (`c3`), owners whom the destination does not
/// have, records without owners or names, links that lead nowhere, contacts without or with shared e-mail addresses,
/// values that cannot be read, quotes, line breaks and letters outside ASCII, notes as HTML and as text, of which some are
/// identical, and rows with too many cells, without ids, or with ids that are taken.
///
/// ```
/// use crmkit_core::testing::generate::AllegoryExport;
/// # fn main() -> std::io::Result<()> {
/// # let folder = tempfile::tempdir()?;
/// let expected = AllegoryExport::new(7).companies(30).contacts(100).deals(50).notes(60).mess(0.2).write(folder.path())?;
/// assert_eq!(expected.objects["contacts"].records, 100);
/// assert!(expected.objects["contacts"].arrives < 100);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct AllegoryExport {
    pub(super) seed: u64,
    pub(super) users: u64,
    pub(super) companies: u64,
    pub(super) contacts: u64,
    pub(super) deals: u64,
    pub(super) notes: u64,
    pub(super) tasks: u64,
    pub(super) mess: f64,
    /// All of the contract's objects and columns.
    pub(super) full: bool,
    pub(super) leads: u64,
    pub(super) deal_contacts: u64,
    pub(super) calls: u64,
    pub(super) emails: u64,
    pub(super) meetings: u64,
    pub(super) attachments: u64,
    pub(super) tags: u64,
    pub(super) custom: u64,
    pub(super) file_limit: u64,
}

impl AllegoryExport {
    /// A small export: 10 users, 50 companies, 200 contacts, 100 deals, 150 notes, 50 tasks, a tenth of them messy.
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            users: 10,
            companies: 50,
            contacts: 200,
            deals: 100,
            notes: 150,
            tasks: 50,
            mess: 0.1,
            full: false,
            leads: 0,
            deal_contacts: 0,
            calls: 0,
            emails: 0,
            meetings: 0,
            attachments: 0,
            tags: 0,
            custom: 0,
            file_limit: 25_000_000,
        }
    }

    /// An export with every object and column of the contract: beside those of [`new`](Self::new) 60 leads, 150 contacts of
    /// deals, 80 calls, 90 e-mails, 60 meetings, 80 attachments with their files, 90 tags, 30 records of each custom object and
    /// each many-to-many link, `schema.json` and three automations.
    ///
    /// Added to what every export has in it: a third pipeline with a stage name of the others; companies that share a name or
    /// domain; contacts that share a name, of which calls that tell the name only cannot decide (`p6`, `p11`); calls whose
    /// contact name fits one contact, or nobody; e-mails with HTML bodies, copies and threads; weekly series of meetings; notes
    /// as HTML, Markdown and text on every kind of record, with mentions, some over-long; activity times that are naive or
    /// days only; converted leads; attachments that are missing, of the wrong size or digest, outside the export, at an
    /// address, with odd names, and around a limit of size (`f3`, `f4`, `f5`); a custom object of which each company has one,
    /// one that others look up, and one that looks up; inactive users and one without an e-mail address.
    ///
    /// ```
    /// use crmkit_core::testing::generate::{AllegoryExport, Treatment};
    /// # fn main() -> std::io::Result<()> {
    /// # let folder = tempfile::tempdir()?;
    /// let expected = AllegoryExport::full(7).file_limit(10_000).write(folder.path())?;
    /// let fates = expected.fates(&Treatment::engine().without("tags"));
    /// let calls = fates.counts("calls");
    /// assert_eq!(calls.arrives + calls.held.values().sum::<u64>(), expected.objects["calls"].records);
    /// # Ok(())
    /// # }
    /// ```
    pub fn full(seed: u64) -> Self {
        Self {
            full: true,
            leads: 60,
            deal_contacts: 150,
            calls: 80,
            emails: 90,
            meetings: 60,
            attachments: 80,
            tags: 90,
            custom: 30,
            ..Self::new(seed)
        }
    }

    /// How many leads.
    pub fn leads(self, leads: u64) -> Self {
        Self { leads, ..self }
    }

    /// How many contacts of deals, at most one of each pair.
    pub fn deal_contacts(self, deal_contacts: u64) -> Self {
        Self { deal_contacts, ..self }
    }

    /// How many calls.
    pub fn calls(self, calls: u64) -> Self {
        Self { calls, ..self }
    }

    /// How many e-mails.
    pub fn emails(self, emails: u64) -> Self {
        Self { emails, ..self }
    }

    /// How many meetings.
    pub fn meetings(self, meetings: u64) -> Self {
        Self { meetings, ..self }
    }

    /// How many attachments.
    pub fn attachments(self, attachments: u64) -> Self {
        Self { attachments, ..self }
    }

    /// How many tags, at most one of each company, contact and deal.
    pub fn tags(self, tags: u64) -> Self {
        Self { tags, ..self }
    }

    /// How many records of each custom object and of each many-to-many link: at most ten courts and one risk profile of each
    /// company. Without any, the export has no such objects.
    pub fn custom(self, custom: u64) -> Self {
        Self { custom, ..self }
    }

    /// Around which size the third, fourth and fifth attachment are: a little smaller, the same, a little larger. 25,000,000
    /// bytes where nothing is said. The files are holes, which take no space on most file systems.
    pub fn file_limit(self, bytes: u64) -> Self {
        Self { file_limit: bytes.max(250), ..self }
    }

    /// How many users, at least one. The last fifth does not exist at the destination.
    pub fn users(self, users: u64) -> Self {
        Self { users: users.max(1), ..self }
    }

    /// How many companies.
    pub fn companies(self, companies: u64) -> Self {
        Self { companies, ..self }
    }

    /// How many contacts.
    pub fn contacts(self, contacts: u64) -> Self {
        Self { contacts, ..self }
    }

    /// How many deals.
    pub fn deals(self, deals: u64) -> Self {
        Self { deals, ..self }
    }

    /// How many notes.
    pub fn notes(self, notes: u64) -> Self {
        Self { notes, ..self }
    }

    /// How many tasks.
    pub fn tasks(self, tasks: u64) -> Self {
        Self { tasks, ..self }
    }

    /// Which share of the records is messy, from 0 to 1. The first ten of each object never are, apart from the cycles of
    /// parent companies, which are always there.
    pub fn mess(self, share: f64) -> Self {
        Self { mess: share, ..self }
    }

    /// Users that the destination has.
    pub(super) fn known_users(&self) -> u64 {
        (self.users - self.users / 5).max(1)
    }

    /// Writes the export and remembers the fate of every record.
    ///
    /// # Errors
    /// Where a file cannot be written.
    pub fn write(&self, folder: impl AsRef<Path>) -> io::Result<Expected> {
        let (mut records, mut rejects) = (Vec::new(), Vec::new());
        let mut expected = self.write_with(folder, |told| match told {
            Told::Record(record) => records.push(record),
            Told::Reject(reject) => rejects.push(reject),
        })?;
        (expected.records, expected.rejects) = (records, rejects);
        Ok(expected)
    }

    /// Writes the export, telling the fate of every record as it goes, in memory that does not grow with the sizes.
    ///
    /// # Errors
    /// Where a file cannot be written.
    pub fn write_with(&self, folder: impl AsRef<Path>, mut tell: impl FnMut(Told)) -> io::Result<Expected> {
        let folder = folder.as_ref();
        fs::create_dir_all(folder)?;
        let mut expected = Expected { destination_users: self.destination_users(), ..Expected::default() };
        let mut entries = vec![
            self.users_file(folder, &mut expected)?,
            self.pipelines_file(folder, &mut expected)?,
            self.stages_file(folder, &mut expected)?,
        ];
        for Object { name, header, count, make } in self.objects() {
            let mut sheet = Sheet::create(folder, &format!("{name}.csv"), &header)?;
            let counts = expected.objects.entry(name.into()).or_default();
            for number in 1..=count {
                let mut made = make(self, number);
                if let Some((file, content)) = made.file.take() {
                    write_file(&folder.join("attachments").join(made.record.key.id.as_str()), &file, content)?;
                }
                made.record.line = sheet.row(&made.cells)?;
                counts.rows += 1;
                counts.records += 1;
                match made.record.fate() {
                    Fate::Arrives => counts.arrives += 1,
                    Fate::Held(trouble) => *counts.held.entry(trouble.code()).or_default() += 1,
                }
                tell(Told::Record(made.record));
                if let Some(extra) = made.extra {
                    let (line, code) = self.extra(&mut sheet, made.cells, extra)?;
                    counts.rows += 1;
                    *counts.rejects.entry(code).or_default() += 1;
                    tell(Told::Reject(ExpectedReject { object: name.into(), line, code }));
                }
            }
            entries.push(sheet.finish()?);
        }
        if self.full {
            fs::write(folder.join("schema.json"), format!("{:#}\n", custom::schema()))?;
            fs::create_dir_all(folder.join("workflows"))?;
            expected.workflows = custom::workflows();
            for workflow in &expected.workflows {
                fs::write(folder.join(format!("workflows/{}.json", workflow.id)), &workflow.definition)?;
            }
        }
        let manifest = json!({
            "format": "crm-export",
            "version": 1,
            "source": "allegory",
            "instance": format!("generated-{}", self.seed),
            "exported_at": "2026-11-01T00:00:00Z",
            "snapshot": "full",
            "timezone": if self.full { ZONE.0 } else { "UTC" },
            "currency": "USD",
            "objects": entries,
        });
        fs::write(folder.join("manifest.json"), format!("{manifest:#}\n"))?;
        Ok(expected)
    }

    fn extra(&self, sheet: &mut Sheet, mut cells: Vec<String>, extra: Extra) -> io::Result<(u64, &'static str)> {
        Ok(match extra {
            Extra::Ragged => {
                cells[0] += "-ragged";
                (sheet.ragged(&cells)?, "ragged_row")
            }
            Extra::MissingId => {
                cells[0].clear();
                (sheet.row(&cells)?, "missing_id")
            }
            Extra::DuplicateId => {
                if sheet.has_id() {
                    cells[1] += " again";
                }
                (sheet.row(&cells)?, "duplicate_id")
            }
        })
    }

    fn destination_users(&self) -> Vec<ExpectedUser> {
        (1..=self.known_users())
            .map(|number| ExpectedUser {
                source_id: format!("u{number}"),
                email: email_of_user(number),
                name: format!("User {number}"),
            })
            .collect()
    }

    fn users_file(&self, folder: &Path, expected: &mut Expected) -> io::Result<serde_json::Value> {
        let known = self.known_users();
        let rows = (1..=self.users).map(|number| {
            // Of those whom the destination does not have, every other one is inactive, and the last has no address.
            let inactive = self.full && number > known && (number - known) % 2 == 1;
            let email = match self.full && number == self.users && number > known + 1 {
                true => String::new(),
                false => email_of_user(number),
            };
            vec![format!("u{number}"), email, format!("User {number}"), (!inactive).to_string()]
        });
        small(folder, "users", &["id", "email", "name", "active"], rows, expected)
    }

    fn pipelines_file(&self, folder: &Path, expected: &mut Expected) -> io::Result<serde_json::Value> {
        let rows = [("pl1", "Sales", "1"), ("pl2", "Renewals", "2"), ("pl3", "Litigation", "3")];
        let rows = rows
            .into_iter()
            .take(if self.full { 3 } else { 2 })
            .map(|(id, name, position)| vec![id.to_owned(), name.to_owned(), position.to_owned()]);
        small(folder, "pipelines", &["id", "name", "position"], rows, expected)
    }

    fn stages_file(&self, folder: &Path, expected: &mut Expected) -> io::Result<serde_json::Value> {
        let third: &[(&str, &str)] = if self.full { &THIRD } else { &[] };
        let pipelines = [STAGES.as_slice(), STAGES.as_slice(), third];
        let stages = pipelines.iter().zip(1..).flat_map(|(stages, pipeline)| {
            stages.iter().zip(1..).map(move |((name, kind), position)| (pipeline, position, *name, *kind))
        });
        let rows = stages.zip(1..).map(|((pipeline, position, name, kind), number): ((u32, u64, _, &str), u32)| {
            let mut row = vec![format!("s{number}"), format!("pl{pipeline}"), name.to_owned(), position.to_string()];
            row.push(kind.to_owned());
            if self.full {
                row.push(if kind == "open" { 20 * position } else { 100 * u64::from(kind == "won") }.to_string());
            }
            row
        });
        let header = ["id", "pipeline_id", "name", "position", "kind", "probability"];
        small(folder, "stages", &header[..if self.full { 6 } else { 5 }], rows, expected)
    }
}

/// The zone of naive times in a full export, and its distance from UTC in hours.
pub(super) const ZONE: (&str, i64) = ("Asia/Karachi", 5);

/// Makes the record of a number.
type Maker = fn(&AllegoryExport, u64) -> Made;

/// An object on its way out.
struct Object {
    name: &'static str,
    header: Vec<&'static str>,
    count: u64,
    make: Maker,
}

impl AllegoryExport {
    /// What is written, in an order in which what is linked to comes first.
    fn objects(&self) -> Vec<Object> {
        let plain = |name, header: &[&'static str], count, make| Object { name, header: header.to_vec(), count, make };
        let wider = |name, header: &[&'static str], more: &[&'static str], count, make| {
            let more = if self.full { more } else { &[] };
            Object { name, header: [header, more].concat(), count, make }
        };
        let mut objects = vec![
            wider("companies", COMPANIES, wider::COMPANIES, self.companies, Self::company as Maker),
            wider("contacts", CONTACTS, wider::CONTACTS, self.contacts, Self::contact),
            wider("deals", DEALS, wider::DEALS, self.deals, Self::deal),
        ];
        let notes = plain("notes", NOTES, self.notes, if self.full { Self::note_on_anything } else { Self::note });
        let tasks = wider("tasks", TASKS, wider::TASKS, self.tasks, Self::task);
        // A small export's notes are on none of the objects below.
        if !self.full {
            objects.extend([notes, tasks]);
            return objects;
        }
        objects.extend([
            plain("leads", lead::LEADS, self.leads, Self::lead),
            plain("deal_contacts", lead::DEAL_CONTACTS, self.deal_contact_count(), Self::deal_contact),
        ]);
        if self.custom > 0 {
            objects.extend([
                plain("custom/courts", custom::COURTS, self.court_count(), Self::court),
                plain("custom/risk_profiles", custom::RISK_PROFILES, self.risk_profile_count(), Self::risk_profile),
                plain("custom/hearings", custom::HEARINGS, self.custom, Self::hearing),
                plain("links/companies__contacts", custom::LINKS, self.advisor_count(), Self::advisor),
                plain("links/contacts__hearings", custom::LINKS, self.witness_count(), Self::witness),
            ]);
        }
        objects.extend([
            tasks,
            plain("calls", activity::CALLS, self.calls, Self::call),
            plain("emails", activity::EMAILS, self.emails, Self::email),
            plain("meetings", activity::MEETINGS, self.meetings, Self::meeting),
            notes,
            plain("attachments", attached::ATTACHMENTS, self.attachments, Self::attachment),
            plain("tags", attached::TAGS, self.tag_count(), Self::tag),
        ]);
        objects
    }
}

fn write_file(folder: &Path, name: &str, content: Content) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    match content {
        Content::Bytes(bytes) => fs::write(folder.join(name), bytes),
        Content::Hole(bytes) => fs::File::create(folder.join(name))?.set_len(bytes),
    }
}

/// Writes an object that is only looked things up in; it has no fates.
fn small(
    folder: &Path,
    object: &str,
    header: &[&str],
    rows: impl Iterator<Item = Vec<String>>,
    expected: &mut Expected,
) -> io::Result<serde_json::Value> {
    let mut sheet = Sheet::create(folder, &format!("{object}.csv"), header)?;
    let counts = expected.objects.entry(object.into()).or_default();
    for cells in rows {
        sheet.row(&cells)?;
        counts.rows += 1;
        counts.records += 1;
    }
    sheet.finish()
}

const COMPANIES: &[&str] = &[
    "id",
    "name",
    "domain",
    "website",
    "industry",
    "employee_count",
    "annual_revenue",
    "currency",
    "phone",
    "address_street",
    "address_city",
    "parent_id",
    "owner_id",
    "created_at",
    "updated_at",
];
const CONTACTS: &[&str] = &[
    "id",
    "first_name",
    "last_name",
    "email",
    "emails",
    "phone",
    "job_title",
    "company_id",
    "lifecycle_stage",
    "owner_id",
    "created_at",
    "updated_at",
    "cf_tier",
    "cf_score",
];
const DEALS: &[&str] = &[
    "id",
    "name",
    "amount",
    "currency",
    "pipeline_id",
    "stage_id",
    "stage_name",
    "status",
    "expected_close_date",
    "close_date",
    "won_at",
    "lost_at",
    "company_id",
    "primary_contact_id",
    "owner_id",
    "created_at",
    "updated_at",
];
const NOTES: &[&str] = &["id", "body", "format", "author_id", "parent_type", "parent_id", "created_at"];
const TASKS: &[&str] = &["id", "subject", "due_at", "status", "completed_at", "contact_id", "owner_id", "created_at"];

#[cfg(test)]
mod tests {
    use super::{
        super::{Fates, LinkRule, Tally, Treatment, Trouble},
        *,
    };
    use crate::RecordRef;

    fn bytes(folder: &Path) -> Vec<(String, Vec<u8>)> {
        let mut files = Vec::new();
        for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap()) {
            let name = entry.file_name().into_string().unwrap();
            match entry.file_type().unwrap().is_dir() {
                true => files.extend(bytes(&entry.path()).into_iter().map(|(file, at)| (format!("{name}/{file}"), at))),
                false => files.push((name, fs::read(entry.path()).unwrap())),
            }
        }
        files.sort();
        files
    }

    #[test]
    fn a_full_export_repeats_and_balances() {
        let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let export = AllegoryExport::full(5).mess(0.5).attachments(300).file_limit(1_000);
        let expected = export.write(&folders[0]).unwrap();
        assert_eq!(export.write(&folders[1]).unwrap(), expected);
        assert!(bytes(folders[0].path()) == bytes(folders[1].path()));
        for (object, counts) in &expected.objects {
            assert_eq!(counts.rows, counts.records + counts.rejects.values().sum::<u64>(), "{object}");
            if !matches!(object.as_str(), "users" | "pipelines" | "stages") {
                assert_eq!(counts.records, counts.arrives + counts.held.values().sum::<u64>(), "{object}");
                assert!(counts.arrives > 0, "{object}: {counts:?}");
            }
        }
        let keys: std::collections::BTreeSet<_> =
            expected.records.iter().map(|record| record.key.to_string()).collect();
        assert_eq!(keys.len(), expected.records.len(), "no id occurs twice");
        let codes: std::collections::BTreeSet<_> =
            expected.records.iter().flat_map(|record| &record.troubles).map(Trouble::code).collect();
        assert_eq!(codes.len(), 13, "every trouble of the strict plan occurs: {codes:?}");
    }

    #[test]
    fn a_full_export_has_the_small_one_s_companies() {
        let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let small = AllegoryExport::new(5).mess(0.0).write(&folders[0]).unwrap();
        let full = AllegoryExport::full(5).mess(0.0).file_limit(1_000).write(&folders[1]).unwrap();
        for record in small.records.iter().filter(|record| record.key.object == "companies") {
            let wider = full.record(&record.key).unwrap();
            assert!(wider.fields.starts_with(&record.fields), "{}", record.key);
        }
    }

    #[test]
    fn the_strict_treatment_is_what_records_say_of_themselves() {
        let folder = tempfile::tempdir().unwrap();
        let expected = AllegoryExport::full(9).mess(0.4).file_limit(1_000).write(&folder).unwrap();
        let fates = expected.fates(&Treatment::strict());
        for record in &expected.records {
            assert_eq!(fates.arrives(&record.key), record.fate() == Fate::Arrives, "{}", record.key);
        }
        for (object, tally) in fates.tallies() {
            assert_eq!(tally.arrives, expected.objects[object].arrives, "{object}");
        }
    }

    #[test]
    fn a_treatment_changes_what_arrives() {
        let folder = tempfile::tempdir().unwrap();
        let expected = AllegoryExport::full(9).mess(0.4).file_limit(1_000).write(&folder).unwrap();
        let engine = Treatment::engine();
        let fates = expected.fates(&engine);
        let parts = |fates: &Fates<'_>, id: &str| {
            let company = expected.records.iter().find(|record| record.key == RecordRef::new("companies", id)).unwrap();
            assert!(fates.arrives(&company.key));
            fates
                .parts(company)
                .into_iter()
                .filter(|(field, _)| *field == "parent_id")
                .map(|(_, fate)| fate)
                .next()
                .map(|fate| format!("{fate:?}"))
        };
        assert!(parts(&fates, "c1").unwrap().starts_with("Cycle"));
        assert_eq!(parts(&fates, "c3").unwrap(), "Held(\"cycle\")");
        let dropped = expected.fates(&engine.clone().link("companies", "parent_id", LinkRule::Dropped));
        assert_eq!(parts(&dropped, "c1"), None);
        let file = |id: &str| RecordRef::new("attachments", id);
        let limited = expected.fates(&engine.clone().largest_file(1_000).ignoring("attachments", "link_to_held"));
        let too_large = ["f3", "f4", "f5"].map(|id| limited.reasons(&file(id)).contains(&Trouble::TooLarge));
        assert_eq!(too_large, [false, false, true]);
        assert!(!fates.counts("notes").held.contains_key("too_long"));
        let short = expected.fates(&engine.clone().longest("notes", "body", 100_000));
        assert!(short.counts("notes").held["too_long"] > 0);
        let without = expected.fates(&engine.without("calls"));
        assert_eq!(without.counts("calls"), Tally::default());
        assert!(without.counts("notes").held["no_parent"] > 0, "notes on calls");
    }

    #[test]
    fn a_seed_repeats_the_export_and_another_makes_another() {
        let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let [first, again, other] = &folders;
        let expected = AllegoryExport::new(7).write(first).unwrap();
        assert_eq!(AllegoryExport::new(7).write(again).unwrap(), expected);
        AllegoryExport::new(8).write(other).unwrap();
        assert!(bytes(first.path()) == bytes(again.path()));
        assert!(bytes(first.path()) != bytes(other.path()));
    }

    #[test]
    fn counts_balance() {
        let folder = tempfile::tempdir().unwrap();
        let expected = AllegoryExport::new(3).mess(0.5).write(folder.path()).unwrap();
        for (object, counts) in &expected.objects {
            assert_eq!(counts.rows, counts.records + counts.rejects.values().sum::<u64>(), "{object}");
            if !matches!(object.as_str(), "users" | "pipelines" | "stages") {
                assert_eq!(counts.records, counts.arrives + counts.held.values().sum::<u64>(), "{object}");
                assert!(counts.arrives > 0 && !counts.held.is_empty(), "{object}: {counts:?}");
            }
        }
        let held: std::collections::BTreeSet<_> =
            expected.records.iter().flat_map(|record| &record.troubles).map(Trouble::code).collect();
        assert_eq!(held.len(), 7, "every trouble occurs: {held:?}");
    }
}
