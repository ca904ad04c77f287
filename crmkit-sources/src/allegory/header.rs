//! Column names as people write them, and the names that legal software uses for CRM things.

/// Names of objects and their files that mean another: legal wording first.
const OBJECTS: [(&str, &str); 17] = [
    ("matter", "deals"),
    ("matters", "deals"),
    ("case", "deals"),
    ("cases", "deals"),
    ("party", "contacts"),
    ("parties", "contacts"),
    ("client", "contacts"),
    ("clients", "contacts"),
    ("persons", "contacts"),
    ("people", "contacts"),
    ("firm", "companies"),
    ("firms", "companies"),
    ("organizations", "companies"),
    ("filing", "attachments"),
    ("filings", "attachments"),
    ("exhibits", "attachments"),
    ("owners", "users"),
];

/// Words in column names that mean another: `matter_id` is `deal_id`.
const WORDS: [(&str, &str); 10] = [
    ("matter", "deal"),
    ("case", "deal"),
    ("party", "contact"),
    ("client", "contact"),
    ("person", "contact"),
    ("firm", "company"),
    ("organization", "company"),
    ("organisation", "company"),
    ("account", "company"),
    ("filing", "attachment"),
];

/// Whole column names that mean another.
const COLUMNS: [(&str, &str); 16] = [
    ("given name", "first name"),
    ("family name", "last name"),
    ("surname", "last name"),
    ("full name", "name"),
    ("e mail", "email"),
    ("e mail address", "email"),
    ("email address", "email"),
    ("phone number", "phone"),
    ("telephone", "phone"),
    ("title", "job title"),
    ("created", "created at"),
    ("modified at", "updated at"),
    ("last modified", "updated at"),
    ("owner", "owner id"),
    ("zip", "address postal"),
    ("employees", "employee count"),
];

/// Trimmed, case-folded, `_`, `-`, `.` and spaces collapsed to one space.
pub(super) fn fold(name: &str) -> String {
    let mut folded = String::with_capacity(name.len());
    for word in name.split(|c: char| c.is_whitespace() || matches!(c, '_' | '-' | '.')).filter(|word| !word.is_empty())
    {
        if !folded.is_empty() {
            folded.push(' ');
        }
        folded.extend(word.chars().flat_map(char::to_lowercase));
    }
    folded
}

/// The contract's object that a file or object name means.
pub(super) fn object(name: &str) -> String {
    let folded = fold(name);
    let exhibit = folded == "exhibit" || folded == "organization";
    match OBJECTS.iter().find(|(other, _)| *other == folded) {
        Some((_, object)) => (*object).to_owned(),
        None if exhibit => if folded == "exhibit" { "attachments" } else { "companies" }.to_owned(),
        None => folded.replace(' ', "_"),
    }
}

/// The object that a singular word in `parent_type` or `object_type` means.
pub(super) fn object_of_one(word: &str) -> String {
    let folded = fold(word);
    match folded.as_str() {
        "company" => "companies".to_owned(),
        "contact" | "deal" | "lead" | "task" | "call" | "email" | "meeting" | "note" | "attachment" | "user" => {
            format!("{folded}s")
        }
        "person" => "contacts".to_owned(),
        _ => object(&folded),
    }
}

/// The word for one record of an object: `companies` has `company`.
pub(super) fn one_of(object: &str) -> String {
    match object {
        "companies" => "company".to_owned(),
        other => other.rsplit('/').next().unwrap_or(other).trim_end_matches('s').to_owned(),
    }
}

/// The contract's column, among `known`, that a header cell means.
pub(super) fn column(cell: &str, known: &[&'static str]) -> Option<&'static str> {
    let folded = fold(cell);
    let find = |name: &str| known.iter().find(|column| fold(column) == name).copied();
    find(&folded)
        .or_else(|| COLUMNS.iter().find(|(other, _)| *other == folded).and_then(|(_, column)| find(column)))
        .or_else(|| {
            let words: Vec<_> = folded
                .split(' ')
                .map(|word| WORDS.iter().find(|(other, _)| *other == word).map_or(word, |(_, here)| *here))
                .collect();
            find(&words.join(" "))
        })
}

/// Header cells made unique: an empty one is named by its place, a repeated one gets a number. Returns what was changed.
pub(super) fn unique(cells: impl Iterator<Item = String>) -> (Vec<String>, Vec<Renamed>) {
    let (mut names, mut changed) = (Vec::<String>::new(), Vec::new());
    for (index, cell) in cells.enumerate() {
        let cell = cell.trim().to_owned();
        let wanted = if cell.is_empty() { format!("column_{}", index + 1) } else { cell.clone() };
        let taken = |name: &str, names: &[String]| names.iter().any(|known| fold(known) == fold(name));
        let mut name = wanted.clone();
        let mut number = 2;
        while taken(&name, &names) {
            name = format!("{wanted}_{number}");
            number += 1;
        }
        if name != cell {
            changed.push(Renamed { empty: cell.is_empty(), name: name.clone(), was: cell });
        }
        names.push(name);
    }
    (names, changed)
}

/// A header cell that could not keep its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Renamed {
    pub(super) was: String,
    pub(super) name: String,
    pub(super) empty: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_match_whatever_their_case_and_separators() {
        for cell in [" First_Name ", "first-name", "FIRST NAME", "First.Name", "first  name", "Given Name"] {
            assert_eq!(column(cell, &["id", "first_name"]), Some("first_name"), "{cell}");
        }
        assert_eq!(column("Matter ID", &["deal_id"]), Some("deal_id"));
        assert_eq!(column("Firm ID", &["company_id"]), Some("company_id"));
        assert_eq!(column("title", &["title", "job_title"]), Some("title"), "an exact name before an alias");
        assert_eq!(column("shoe size", &["id"]), None);
    }

    #[test]
    fn legal_wording_names_objects() {
        let cases = [
            ("Matters", "deals"),
            ("case", "deals"),
            ("parties", "contacts"),
            ("Organization", "companies"),
            ("exhibit", "attachments"),
            ("deal_contacts", "deal_contacts"),
        ];
        for (name, wanted) in cases {
            assert_eq!(object(name), wanted);
        }
        assert_eq!(object_of_one("Company"), "companies");
        assert_eq!(object_of_one("matter"), "deals");
        assert_eq!(object_of_one("widgets"), "widgets");
        assert_eq!(one_of("companies"), "company");
        assert_eq!(one_of("custom/widgets"), "widget");
    }

    #[test]
    fn repeated_and_empty_header_cells_get_names_of_their_own() {
        let (names, changed) = unique(["id", "Email", "email", "", "Email"].into_iter().map(str::to_owned));
        assert_eq!(names, ["id", "Email", "email_2", "column_4", "Email_3"]);
        assert_eq!(changed.len(), 3);
    }
}
