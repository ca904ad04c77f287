//! Companies, contacts and owners, and finding them by what others call them.

use std::collections::{HashMap, HashSet};

use chrono_tz::Tz;
use crmkit_core::{Problem, RecordId, Reject, Severity, Value};
use serde_json::Value as Json;

use super::{
    combine::{Columns, Conflicts, Draft, Ids, labelled, link, moment, row_id},
    draw::Drawn,
    harvest::{Harvest, Row, Table, reject},
    identity::{company_domain, domain_key, email_key, is_free},
    wire,
};
use crate::allegory::{Kind, folded};

/// Drafts of one object, with what they are known by.
#[derive(Debug, Default)]
pub(super) struct Known {
    pub(super) drafts: Vec<Draft>,
    pub(super) rejects: Vec<Reject>,
    by_id: HashMap<String, usize>,
    by_key: HashMap<String, Vec<usize>>,
    by_name: HashMap<String, Vec<usize>>,
    /// Drafts that a row was put together with: the next row of the same key is another record.
    joined: HashSet<usize>,
    ids: Ids,
}

/// What a word of another record means.
pub(super) enum Found {
    One(usize),
    Nothing,
    Several(Vec<RecordId>),
}

impl Known {
    fn add(&mut self, draft: Draft) -> usize {
        let place = self.drafts.len();
        self.by_id.insert(draft.id.clone(), place);
        self.drafts.push(draft);
        place
    }

    fn key(&mut self, key: String, place: usize) {
        let places = self.by_key.entry(key).or_default();
        if !places.contains(&place) {
            places.push(place);
        }
    }

    fn name(&mut self, name: &str, place: usize) {
        let places = self.by_name.entry(folded(name)).or_default();
        if !places.contains(&place) {
            places.push(place);
        }
    }

    pub(super) fn id(&self, id: &str) -> Option<usize> {
        self.by_id.get(id).copied()
    }

    /// Whoever has the key: the first of several, which are duplicates of each other.
    pub(super) fn with_key(&self, key: &str) -> Option<usize> {
        self.by_key.get(key).and_then(|places| places.first().copied())
    }

    /// Whoever has the name; several with one name are not the same for that.
    fn with_name(&self, name: &str) -> Found {
        match self.by_name.get(&folded(name)).map(Vec::as_slice) {
            None | Some([]) => Found::Nothing,
            Some([one]) => Found::One(*one),
            Some(several) => {
                Found::Several(several.iter().map(|place| self.drafts[*place].id.as_str().into()).collect())
            }
        }
    }

    /// The draft that a row without an id is about, and that no row was joined with yet.
    fn unjoined(&self, key: &str) -> Option<usize> {
        self.by_key.get(key)?.iter().copied().find(|place| !self.joined.contains(place))
    }
}

/// Everybody that other records link to.
#[derive(Debug, Default)]
pub(super) struct People {
    pub(super) companies: Known,
    pub(super) contacts: Known,
    pub(super) owners: Known,
    user_ids: HashMap<String, usize>,
    /// Which contact each row of the file went into.
    contact_of_line: HashMap<u64, usize>,
    company_of_line: HashMap<u64, usize>,
    pub(super) gone_companies: u64,
    pub(super) conflicts: Conflicts,
    pub(super) problems: Vec<Problem>,
}

impl People {
    pub(super) fn of(drawn: &Drawn, harvest: &Harvest, zone: Option<Tz>) -> Self {
        let mut people = Self::default();
        people.read_owners(harvest);
        people.draw_companies(drawn);
        people.read_companies(harvest, zone);
        people.draw_contacts(drawn);
        people.read_contacts(harvest, zone);
        people.employ(harvest);
        people
    }

    fn read_owners(&mut self, harvest: &Harvest) {
        for (table, row) in harvest.rows("owners.csv") {
            let (name, email) = (table.get(row, "Owner Name"), table.get(row, "Owner Email"));
            let Some(id) = email.and_then(email_key).or_else(|| name.map(str::to_owned)) else {
                self.owners.rejects.push(reject(
                    &table.file,
                    row.line,
                    "missing_id",
                    "the row has neither name nor e-mail address",
                ));
                continue;
            };
            if self.owners.id(&id).is_some() {
                self.owners.rejects.push(reject(
                    &table.file,
                    row.line,
                    "duplicate_id",
                    "an earlier row has the same owner",
                ));
                continue;
            }
            let mut draft = Draft::new(id, &table.file, Some(row.line));
            draft.offer("name", name.map(Value::text));
            draft.offer("email", labelled(email.and_then(email_key)));
            let active = table.get(row, "Active").map(folded);
            draft.offer("active", active.as_deref().and_then(yes).map(Value::Bool));
            let place = self.owners.add(draft);
            if let Some(name) = name {
                self.owners.name(name, place);
            }
            if let Some(user) = table.get(row, "User ID") {
                self.user_ids.insert(user.to_owned(), place);
            }
        }
    }

    /// The owner that a cell or an answer names: by address, by the interface's id, by name. Whoever nobody described is an owner
    /// all the same, so that the plan can say who that is.
    pub(super) fn owner(&mut self, text: &str) -> Value {
        let text = text.trim();
        let id = email_key(text).unwrap_or_else(|| text.to_owned());
        let known = self.user_ids.get(text).copied().or_else(|| self.owners.id(&id));
        let place = known.or(match self.owners.with_name(text) {
            Found::One(place) => Some(place),
            _ => None,
        });
        let place = place.unwrap_or_else(|| {
            let mut draft = Draft::new(id, "owners", None);
            draft.offer("email", labelled(email_key(text)));
            if email_key(text).is_none() {
                draft.offer("name", Value::text(text));
            }
            self.owners.add(draft)
        });
        link("owners", &self.owners.drafts[place].id)
    }

    fn draw_companies(&mut self, drawn: &Drawn) {
        for (id, row) in &drawn.companies {
            let Some(row) = row else {
                self.gone_companies += 1;
                continue;
            };
            let domain = wire::text(row, &["domain"]);
            let key = domain.and_then(domain_key);
            if key.as_deref().is_some_and(is_free) {
                let message = "the company is a domain at which everybody can have an address";
                let code = "free_mail_domain".to_owned();
                let (origin, message) = ("companies".to_owned(), message.to_owned());
                self.companies.rejects.push(Reject { origin, line: None, field: Some("domain".into()), code, message });
                continue;
            }
            let mut draft = Draft::new(id.clone(), "companies", None);
            let text = |names: &[&str]| wire::text(row, names).map(Value::text);
            draft.offer("name", text(&["name"]).or_else(|| key.clone().map(Value::text)));
            draft.offer("domain", key.clone().or_else(|| domain.map(str::to_owned)).map(Value::text));
            draft.offer("industry", wire::text(row, &["industry"]).map(Value::option));
            draft.offer("employee_count", whole(&row["employee_count"]).or_else(|| whole(&row["employeeCount"])));
            draft.offer("size", sized(&row["employee_count"]));
            draft.offer("revenue", amount(&row["estimated_revenue"]));
            draft.offer("address", address(row));
            draft.offer("linkedin", text(&["linkedin", "linkedinUrl"]));
            draft.offer("created_at", moment(&row["createdAt"]));
            draft.offer("updated_at", moment(&row["updatedAt"]));
            self.add_company(draft);
        }
    }

    fn add_company(&mut self, draft: Draft) -> usize {
        let (name, domain) = (draft.text("name").map(str::to_owned), draft.text("domain").and_then(domain_key));
        let place = self.companies.add(draft);
        self.know_company(place, name.as_deref(), domain);
        place
    }

    fn know_company(&mut self, place: usize, name: Option<&str>, domain: Option<String>) {
        if let Some(domain) = domain {
            self.companies.key(domain, place);
        }
        if let Some(name) = name {
            self.companies.name(name, place);
        }
    }

    fn read_companies(&mut self, harvest: &Harvest, zone: Option<Tz>) {
        let Some(table) = harvest.table("companies.csv") else { return };
        let wanted = [
            ("Company Name", "name", Kind::Text),
            ("Industry", "industry", Kind::Option),
            ("Website", "website", Kind::Url),
        ];
        let columns = Columns::new("companies", table, zone, &wanted, &harvest.custom);
        let mut seen = HashSet::new();
        for row in &table.rows {
            let name = table.get(row, "Company Name");
            let written = table.get(row, "Domain").or_else(|| table.get(row, "Website"));
            let domain = written.and_then(domain_key).filter(|domain| !is_free(domain));
            let own = table.get(row, "Company ID");
            let mut refuse = |code, message: &str| {
                self.companies.rejects.push(reject(&table.file, row.line, code, message));
            };
            if own.is_some_and(|own| !seen.insert(own.to_owned())) {
                refuse("duplicate_id", "an earlier row has the same id");
                continue;
            }
            if own.is_none() && name.is_none() && domain.is_none() {
                refuse("missing_id", "the row has neither id nor name nor a company's domain");
                continue;
            }
            let by_name = || match (name.map(|name| self.companies.with_name(name)), &domain) {
                // A name that fits is not enough where the domains differ.
                (Some(Found::One(place)), domain) if !self.companies.joined.contains(&place) => {
                    let known = self.companies.drafts[place].text("domain").and_then(domain_key);
                    (known.is_none() || domain.is_none() || known == *domain).then_some(place)
                }
                _ => None,
            };
            let found = match own {
                Some(own) => self.companies.id(own),
                None => domain.as_deref().and_then(|domain| self.companies.unjoined(domain)).or_else(by_name),
            };
            let place = found.unwrap_or_else(|| {
                let id = own.map(str::to_owned).unwrap_or_else(|| {
                    let id = match (&domain, name) {
                        (Some(domain), _) => format!("domain:{domain}"),
                        (None, name) => format!("name:{}", folded(name.unwrap_or_default())),
                    };
                    self.companies.ids.free(id)
                });
                self.companies.add(Draft::new(id, &table.file, Some(row.line)))
            });
            self.companies.joined.insert(place);
            self.company_of_line.insert(row.line, place);
            let draft = &mut self.companies.drafts[place];
            columns.fill(draft, row, &mut self.conflicts);
            draft.offer("domain", domain.clone().map(Value::text));
            if name.is_none() {
                draft.offer("name", domain.clone().map(Value::text));
            }
            if let Some(size) = table.get(row, "Size") {
                match size.replace([' ', ',', '\u{a0}'], "").parse::<i64>() {
                    Ok(count) => draft.offer("employee_count", Value::Int(count)),
                    Err(_) => draft.offer("size", Value::text(size)),
                };
            }
            self.own("companies", place, table, row);
            self.know_company(place, name, domain);
        }
    }

    fn draw_contacts(&mut self, drawn: &Drawn) {
        for (id, row) in drawn.rows("people") {
            let mut draft = Draft::new(id, "people", None);
            let text = |names: &[&str]| wire::text(row, names).map(Value::text);
            let written = wire::text(row, &["email"]);
            draft.offer("first_name", text(&["firstName", "first_name"]));
            draft.offer("last_name", text(&["lastName", "last_name"]));
            draft.offer("emails", labelled(written.and_then(email_key)));
            draft.offer("phones", labelled(wire::text(row, &["phone"])));
            draft.offer("job_title", text(&["title"]));
            draft.offer("linkedin", text(&["linkedin", "linkedinUrl"]));
            draft.offer("remarks", text(&["remarks"]));
            draft.offer("created_at", moment(&row["createdAt"]));
            draft.offer("updated_at", moment(&row["updatedAt"]));
            if let Some(company) = wire::text(row, &["companyId"])
                && self.companies.id(company).is_some()
            {
                draft.offer("company", link("companies", company));
            }
            if written.is_some_and(|written| email_key(written).is_none()) {
                draft.doubt("emails", "what stands where the e-mail address should is none", Vec::new());
            }
            draft.offer("name", full_name(&draft, written));
            let place = self.contacts.add(draft);
            self.know_contact(place);
        }
    }

    fn know_contact(&mut self, place: usize) {
        let keys: Vec<String> = self.contacts.drafts[place].list("emails").filter_map(email_key).collect();
        for key in keys {
            self.contacts.key(key, place);
        }
    }

    fn read_contacts(&mut self, harvest: &Harvest, zone: Option<Tz>) {
        let Some(table) = harvest.table("contacts.csv") else { return };
        let wanted = [
            ("First Name", "first_name", Kind::Text),
            ("Last Name", "last_name", Kind::Text),
            ("Title", "job_title", Kind::Text),
            ("LinkedIn URL", "linkedin", Kind::Url),
            ("Notes", "remarks", Kind::LongText),
            ("Phone", "phones", Kind::Phones),
            ("Created At", "created_at", Kind::Moment),
            ("Updated At", "updated_at", Kind::Moment),
        ];
        let columns = Columns::new("contacts", table, zone, &wanted, &harvest.custom);
        let mut seen = HashSet::new();
        for row in &table.rows {
            let own = table.get(row, "Contact ID");
            let written: Vec<&str> = table.several(row, "Email").collect();
            let keys: Vec<String> = written.iter().filter_map(|text| email_key(text)).collect();
            let names = [table.get(row, "First Name"), table.get(row, "Last Name")];
            let mut refuse = |code, message: &str| {
                self.contacts.rejects.push(reject(&table.file, row.line, code, message));
            };
            if own.is_some_and(|own| !seen.insert(own.to_owned())) {
                refuse("duplicate_id", "an earlier row has the same id");
                continue;
            }
            if own.is_none() && keys.is_empty() && names == [None, None] {
                refuse("missing_id", "the row has neither id nor e-mail address nor name");
                continue;
            }
            let found = match own {
                Some(own) => self.contacts.id(own),
                None => keys.iter().find_map(|key| self.contacts.unjoined(key)),
            };
            let place = found.unwrap_or_else(|| {
                let id = own.map(str::to_owned).unwrap_or_else(|| {
                    let id = keys.first().map(|key| format!("email:{key}"));
                    let by_row = || row_id(&[names[0], names[1], table.get(row, "Company"), table.get(row, "Phone")]);
                    self.contacts.ids.free(id.unwrap_or_else(by_row))
                });
                self.contacts.add(Draft::new(id, &table.file, Some(row.line)))
            });
            self.contacts.joined.insert(place);
            self.contact_of_line.insert(row.line, place);
            let draft = &mut self.contacts.drafts[place];
            columns.fill(draft, row, &mut self.conflicts);
            draft.offer("emails", labelled(keys));
            if !written.is_empty() && written.iter().all(|text| email_key(text).is_none()) {
                draft.doubt("emails", "what stands where the e-mail address should is none", Vec::new());
            }
            let name = full_name(draft, written.first().copied());
            draft.offer("name", name);
            self.own("contacts", place, table, row);
            self.know_contact(place);
        }
    }

    fn own(&mut self, object: &str, place: usize, table: &Table, row: &Row) {
        if let Some(owner) = table.get(row, "Owner Email") {
            let owner = self.owner(owner);
            let known = if object == "companies" { &mut self.companies } else { &mut self.contacts };
            known.drafts[place].offer("owner", owner);
        }
    }

    /// Gives contacts their company: the one their row names, else the one whose domain their address has.
    fn employ(&mut self, harvest: &Harvest) {
        if let Some(table) = harvest.table("contacts.csv") {
            for row in &table.rows {
                let place = self.contact_of_line.get(&row.line).copied();
                let (Some(place), Some(text)) = (place, table.get(row, "Company")) else { continue };
                if self.contacts.drafts[place].fields.contains_key("company") {
                    continue;
                }
                match self.company(text) {
                    Found::One(company) => {
                        let company = link("companies", &self.companies.drafts[company].id);
                        self.contacts.drafts[place].offer("company", company);
                    }
                    Found::Several(candidates) => {
                        let message = "several companies have the name or domain that the row gives";
                        self.contacts.drafts[place].doubt("company", message, candidates);
                    }
                    Found::Nothing => {
                        let company = self.invent(text, &table.file, row.line);
                        self.contacts.drafts[place].offer("company", company);
                    }
                }
            }
        }
        for draft in &mut self.contacts.drafts {
            let doubted = draft.doubts.iter().any(|doubt| doubt.field == "company");
            if doubted || draft.fields.contains_key("company") {
                continue;
            }
            let domain = draft.list("emails").find_map(|email| company_domain(email).map(str::to_owned));
            if let Some(company) = domain.and_then(|domain| self.companies.with_key(&domain)) {
                let company = link("companies", &self.companies.drafts[company].id);
                draft.offer("company", company);
            }
        }
    }

    /// The contact that a row of the file went into.
    pub(super) fn contact_of_line(&self, line: u64) -> Option<String> {
        self.contact_of_line.get(&line).map(|place| self.contacts.drafts[*place].id.clone())
    }

    /// The company that a row of the file went into.
    pub(super) fn company_of_line(&self, line: u64) -> Option<String> {
        self.company_of_line.get(&line).map(|place| self.companies.drafts[*place].id.clone())
    }

    /// The company that a name or a domain means.
    pub(super) fn company(&self, text: &str) -> Found {
        if let Some(place) = self.companies.id(text) {
            return Found::One(place);
        }
        match domain_key(text).and_then(|domain| self.companies.with_key(&domain)) {
            Some(place) => Found::One(place),
            None => match self.companies.with_name(text) {
                Found::Several(candidates) => {
                    self.of_one_domain(&candidates).map_or(Found::Several(candidates), Found::One)
                }
                found => found,
            },
        }
    }

    /// The first of several companies of one domain: they are duplicates of each other.
    fn of_one_domain(&self, candidates: &[RecordId]) -> Option<usize> {
        let domain = |id: &RecordId| {
            let place = self.companies.id(id.as_str())?;
            self.companies.drafts[place].text("domain").and_then(domain_key)
        };
        let first = domain(candidates.first()?)?;
        let same = candidates.iter().all(|id| domain(id).as_ref() == Some(&first));
        self.companies.with_key(&first).filter(|_| same)
    }

    /// A company that no list has: it is there because a contact or a deal names it.
    pub(super) fn invent(&mut self, text: &str, file: &str, line: u64) -> Value {
        let domain = domain_key(text).filter(|domain| !is_free(domain));
        let id = match &domain {
            Some(domain) => format!("domain:{domain}"),
            None => format!("name:{}", folded(text)),
        };
        let mut draft = Draft::new(self.companies.ids.free(id), file, Some(line));
        draft.offer("name", Value::text(domain.as_deref().unwrap_or(text)));
        draft.offer("domain", domain.map(Value::text));
        let value = link("companies", &draft.id);
        self.add_company(draft);
        value
    }

    /// What was found on the way, for the audit.
    pub(super) fn report(&mut self, drawn: &Drawn) {
        let mut warn = |code: &str, message: String, remedy: &str| {
            self.problems.push(Problem::new(Severity::Warn, code, message, remedy));
        };
        if self.gone_companies > 0 {
            let message =
                format!("{} companies that people or interactions name are no longer there", self.gone_companies);
            warn("company_gone", message, "nothing; the links to them are left out");
        }
        for ((object, field), count) in &self.conflicts {
            let message =
                format!("{count} rows of {object} tell another {field} than the interface, which is believed");
            warn("told_differently", message, "mend the file or the workspace where the file is right");
        }
        for (name, list) in &drawn.lists {
            if list.repeated > 0 {
                let message = format!("{} rows of {name} came twice while the list was read", list.repeated);
                warn("list_moved", message, "a later delta reads what may have been missed");
            }
        }
    }
}

/// The name that a person reads: given and family name, else what the mail client showed, else the address.
fn full_name(draft: &Draft, written: Option<&str>) -> Option<Value> {
    let parts: Vec<&str> = ["first_name", "last_name"].iter().filter_map(|part| draft.text(part)).collect();
    if !parts.is_empty() {
        return Some(Value::text(parts.join(" ")));
    }
    let written = written?;
    let shown = written.rfind('<').map(|open| written[..open].trim().trim_matches(['"', '\'']).trim());
    let shown = shown.filter(|shown| !shown.is_empty()).map(str::to_owned);
    shown.or_else(|| email_key(written)).map(Value::text)
}

pub(super) fn yes(word: &str) -> Option<bool> {
    match word {
        "yes" | "y" | "true" | "1" => Some(true),
        "no" | "n" | "false" | "0" => Some(false),
        _ => None,
    }
}

fn whole(value: &Json) -> Option<Value> {
    let text = value.as_str().and_then(|text| text.trim().parse().ok());
    value.as_i64().or(text).map(Value::Int)
}

/// A size that is no number: `11-50`.
fn sized(value: &Json) -> Option<Value> {
    let text = value.as_str().map(str::trim).filter(|text| !text.is_empty())?;
    text.parse::<i64>().is_err().then(|| Value::text(text))
}

fn amount(value: &Json) -> Option<Value> {
    let text = match value {
        Json::Number(number) => number.to_string(),
        Json::String(text) => text.trim().to_owned(),
        _ => return None,
    };
    text.parse().ok().map(Value::Decimal)
}

fn address(row: &Json) -> Option<Value> {
    let text = |name: &str| wire::text(row, &[name]).unwrap_or_default().into();
    let (city, region, country) = (text("city"), text("state"), text("country"));
    let address = crmkit_core::Address { city, region, country, ..Default::default() };
    (address != Default::default()).then(|| Value::Address(std::sync::Arc::new(address)))
}
