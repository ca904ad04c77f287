//! The audit for people.

use super::page::{Page, grouped};
use crate::{Audit, FieldSchema, FieldType, ItemKind, ObjectAudit, ObjectSchema, Permission, Schema, Value};

impl Audit {
    pub(super) fn page(&self) -> Page {
        let mut page = Page::default().title(format!("Audit: {} to {}", self.source.kind, self.destination.kind));
        page.text(format!("Source {}, destination account {}.", self.source.instance, self.destination.account));
        if let Some(day) = self.as_of {
            page.text(format!("Ages are counted from {day}."));
        }
        page.section("Objects");
        page.table(
            ["object", "rows", "records", "quarantined", "doubtful", "without owner", "repeated", "stale"],
            self.objects.iter().map(|(name, object)| {
                [
                    name.to_string(),
                    grouped(object.rows),
                    grouped(object.records),
                    grouped(object.quarantined),
                    grouped(object.doubtful),
                    grouped(object.unowned),
                    grouped(object.duplicates.iter().map(|same| same.records).max().unwrap_or_default()),
                    object.stale.as_ref().map(|stale| grouped(stale.records)).unwrap_or_default(),
                ]
            }),
        );
        if !self.problems.is_empty() {
            page.section("Problems");
            super::problems(&mut page, &self.problems);
        }
        page.section("Fields");
        for (name, object) in &self.objects {
            page.part(name);
            fields(&mut page, object, self.source.schema.object(name));
        }
        self.found(&mut page);
        self.people(&mut page);
        page.section("Source");
        inventory(&mut page, &self.source.schema);
        self.destination_part(&mut page);
        let gotchas = [
            (format!("Good to know about {}", self.source.kind), &self.source.gotchas),
            (format!("Good to know about {}", self.destination.kind), &self.destination.gotchas),
            ("Good to know about moving from one to the other".to_owned(), &self.pair_gotchas),
        ];
        for (title, gotchas) in gotchas.into_iter().filter(|(_, gotchas)| !gotchas.is_empty()) {
            page.section(title);
            page.list(gotchas);
        }
        page
    }

    /// What the records have in common that they should not.
    fn found(&self, page: &mut Page) {
        page.section("Duplicates");
        page.table(
            ["object", "by", "values", "records beyond the first", "for example"],
            self.objects.iter().flat_map(|(name, object)| object.duplicates.iter().map(move |same| (name, same))).map(
                |(name, same)| {
                    let first = same.groups.iter().take(3).map(|group| {
                        let ids: Vec<&str> = group.members.iter().take(4).map(|member| member.id.as_str()).collect();
                        ids.join(" = ")
                    });
                    let first = first.collect::<Vec<_>>().join("; ");
                    [name.to_string(), same.by.label().to_owned(), grouped(same.values), grouped(same.records), first]
                },
            ),
        );
        let rare = self
            .objects
            .iter()
            .flat_map(|(name, object)| object.rare_tags.iter().map(move |(field, rare)| (name, field, rare)));
        let rows: Vec<[String; 3]> = rare
            .map(|(name, field, rare)| {
                let tags: Vec<String> = rare.iter().take(20).map(|(tag, count)| format!("{tag} ({count})")).collect();
                [format!("{name}.{field}"), grouped(rare.len() as u64), tags.join(", ")]
            })
            .collect();
        if !rows.is_empty() {
            page.section("Rare tags");
            page.table(["field", "tags", "which"], rows);
        }
        let files = self.objects.iter().filter_map(|(name, object)| Some((name, object.oversize.as_ref()?)));
        let rows: Vec<[String; 4]> = files
            .map(|(name, over)| {
                let mb = |bytes: u64| format!("{} MB", grouped(bytes >> 20));
                [name.to_string(), grouped(over.files), mb(over.bytes), mb(over.largest)]
            })
            .collect();
        if !rows.is_empty() {
            page.section("Large files");
            page.table(["object", "files", "together", "largest"], rows);
        }
    }

    fn people(&self, page: &mut Page) {
        if self.users.is_empty() && self.objects.values().all(|object| object.owners.is_empty()) {
            return;
        }
        page.section("Owners");
        let member = |owner: &str| if self.has_member(owner) { "yes" } else { "no" }.to_owned();
        if self.users.is_empty() {
            let mut owners = indexmap::IndexMap::<&str, u64>::new();
            for (owner, count) in self.objects.values().flat_map(|object| &object.owners) {
                *owners.entry(owner).or_default() += count;
            }
            page.table(
                ["person", "records", "member here"],
                owners.iter().map(|(owner, count)| [(*owner).to_owned(), grouped(*count), member(owner)]),
            );
            return;
        }
        page.table(
            ["person", "e-mail", "records", "member here"],
            self.users.iter().map(|user| {
                let name = user.name.clone().unwrap_or_else(|| user.id.to_string());
                let email = user.email.clone().unwrap_or_default();
                [name, email, grouped(user.records), member(user.id.as_str())]
            }),
        );
    }

    fn destination_part(&self, page: &mut Page) {
        let to = &self.destination;
        page.section("Destination");
        inventory(page, &to.schema);
        if !self.existing.is_empty() {
            let names: Vec<&str> = self.existing.iter().map(|name| name.as_str()).collect();
            page.text(format!("There are records already of: {}.", names.join(", ")));
        }
        let items = to.items.iter().filter(|known| matches!(known.item.kind, ItemKind::Pipeline | ItemKind::Stage));
        page.table(
            ["what", "object", "name"],
            items.map(|known| {
                let kind = format!("{:?}", known.item.kind).to_lowercase();
                [kind, known.item.object.to_string(), known.item.name.clone()]
            }),
        );
        page.table(
            ["member", "e-mail", ""],
            to.users.iter().map(|user| {
                let state = match (user.active, user.importing) {
                    (false, _) => "inactive",
                    (true, true) => "imports",
                    (true, false) => "",
                };
                [user.name.clone(), user.email.clone(), state.to_owned()]
            }),
        );
        page.table(["cap", "at most"], to.caps.iter().map(|(name, cap)| [name.replace('_', " "), grouped(*cap)]));
        page.table(
            ["permission", ""],
            to.permissions.iter().map(|(name, may)| {
                let may = match may {
                    Permission::Yes => "yes",
                    Permission::No => "no",
                    Permission::Unknown => "unknown",
                };
                [name.replace('_', " "), may.to_owned()]
            }),
        );
    }
}

fn fields(page: &mut Page, object: &ObjectAudit, schema: Option<&ObjectSchema>) {
    page.table(
        ["field", "type", "filled", "missing", "different", "from", "to", "longest", "values"],
        object.fields.iter().map(|(name, profile)| {
            let about = if profile.distinct.exact { "" } else { "about " };
            let list = |values: &indexmap::IndexMap<String, u64>| {
                values.iter().take(8).map(|(value, count)| format!("{value} ({count})")).collect::<Vec<_>>().join(", ")
            };
            let values = match (profile.top.is_empty(), profile.frequent.is_empty()) {
                (false, _) => list(&profile.top),
                (true, false) => list(&profile.frequent),
                (true, true) => {
                    profile.examples.iter().map(|text| format!("like {text}")).collect::<Vec<_>>().join(", ")
                }
            };
            let declared = schema.and_then(|schema| schema.fields.get(name)).map_or("", |field| field.ty.label());
            let ty = match (&profile.inferred, profile.confidence) {
                (Some(inferred), Some(share)) => {
                    format!("{declared}; {:.0} % look like {}", (share * 100.0).floor(), inferred.label())
                }
                _ => declared.to_owned(),
            };
            let edge = |value: &Option<Value>| value.as_ref().map(ToString::to_string).unwrap_or_default();
            [
                name.to_string(),
                ty,
                grouped(profile.filled),
                grouped(profile.missing),
                format!("{about}{}", grouped(profile.distinct.count)),
                edge(&profile.min),
                edge(&profile.max),
                profile.longest.to_string(),
                values,
            ]
        }),
    );
}

/// Objects with their fields: how many are standard, which are custom, which are pick-lists and of what.
fn inventory(page: &mut Page, schema: &Schema) {
    page.table(
        ["object", "means", "standard fields", "custom fields", "pick-lists", "links"],
        schema.objects.values().map(|object| {
            let fields = || object.fields.values();
            let means = serde_json::to_value(object.concept).ok();
            let means = means.as_ref().and_then(|means| means.as_str()).unwrap_or_default().replace('_', " ");
            let custom: Vec<String> = fields()
                .filter(|field| field.custom)
                .map(|field| format!("{} ({})", field.label, field.ty.label()))
                .collect();
            let lists: Vec<String> = fields().filter(|field| !field.options.is_empty()).map(options).collect();
            let links: Vec<&str> = fields()
                .filter(|field| matches!(field.ty, FieldType::Link { .. }))
                .map(|field| field.name.as_str())
                .collect();
            [
                object.name.to_string(),
                means,
                grouped(fields().filter(|field| !field.custom).count() as u64),
                custom.join(", "),
                lists.join("; "),
                links.join(", "),
            ]
        }),
    );
}

fn options(field: &FieldSchema) -> String {
    let shown: Vec<&str> = field.options.iter().take(12).map(|option| option.label.as_str()).collect();
    let more = field.options.len().saturating_sub(shown.len());
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}: {}{more}", field.label, shown.join(", "))
}
