//! A messy Allegory export.

use std::{fs, io, path::Path};

use serde_json::json;

use super::{
    draft::{Extra, Made},
    expected::{Expected, ExpectedReject, ExpectedUser, Fate, Told},
    record::{STAGES, email_of_user},
    sheet::Sheet,
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
}

impl AllegoryExport {
    /// A small export: 10 users, 50 companies, 200 contacts, 100 deals, 150 notes, 50 tasks, a tenth of them messy.
    pub fn new(seed: u64) -> Self {
        Self { seed, users: 10, companies: 50, contacts: 200, deals: 100, notes: 150, tasks: 50, mess: 0.1 }
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
        let objects: [(&str, &[&str], u64, Maker); 5] = [
            ("companies", COMPANIES, self.companies, Self::company),
            ("contacts", CONTACTS, self.contacts, Self::contact),
            ("deals", DEALS, self.deals, Self::deal),
            ("notes", NOTES, self.notes, Self::note),
            ("tasks", TASKS, self.tasks, Self::task),
        ];
        for (object, header, count, make) in objects {
            let mut sheet = Sheet::create(folder, &format!("{object}.csv"), header)?;
            let counts = expected.objects.entry(object.into()).or_default();
            for number in 1..=count {
                let mut made = make(self, number);
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
                    tell(Told::Reject(ExpectedReject { object: object.into(), line, code }));
                }
            }
            entries.push(sheet.finish()?);
        }
        let manifest = json!({
            "format": "crm-export",
            "version": 1,
            "source": "allegory",
            "instance": format!("generated-{}", self.seed),
            "exported_at": "2026-11-01T00:00:00Z",
            "snapshot": "full",
            "timezone": "UTC",
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
                cells[1] += " again";
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
        let rows = (1..=self.users).map(|number| {
            vec![format!("u{number}"), email_of_user(number), format!("User {number}"), "true".to_owned()]
        });
        small(folder, "users", &["id", "email", "name", "active"], rows, expected)
    }

    fn pipelines_file(&self, folder: &Path, expected: &mut Expected) -> io::Result<serde_json::Value> {
        let rows = [("pl1", "Sales", "1"), ("pl2", "Renewals", "2")];
        let rows = rows.map(|(id, name, position)| vec![id.to_owned(), name.to_owned(), position.to_owned()]);
        small(folder, "pipelines", &["id", "name", "position"], rows.into_iter(), expected)
    }

    fn stages_file(&self, folder: &Path, expected: &mut Expected) -> io::Result<serde_json::Value> {
        let count = STAGES.len();
        let rows = (0..2 * count).map(|place| {
            let (name, kind) = STAGES[place % count];
            let (id, pipeline) = (format!("s{}", place + 1), format!("pl{}", place / count + 1));
            vec![id, pipeline, name.to_owned(), (place % count + 1).to_string(), kind.to_owned()]
        });
        small(folder, "stages", &["id", "pipeline_id", "name", "position", "kind"], rows, expected)
    }
}

/// Makes the record of a number.
type Maker = fn(&AllegoryExport, u64) -> Made;

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
    use super::*;

    fn bytes(folder: &Path) -> Vec<(String, Vec<u8>)> {
        let mut files: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap())
            .map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap()))
            .collect();
        files.sort();
        files
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
            expected.records.iter().flat_map(|record| &record.troubles).map(|trouble| trouble.code()).collect();
        assert_eq!(held.len(), 7, "every trouble occurs: {held:?}");
    }
}
