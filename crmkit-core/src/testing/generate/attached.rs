//! What hangs on other records: notes, attachments with their files, tags.

use sha2::{Digest as _, Sha256};

use super::{
    allegory::AllegoryExport,
    draft::{Content, Draft, Made, Mess},
    expected::{ExpectedFile, Trouble},
    record::{TRADES, WORDS, time},
    seed::SplitMix64,
};
use crate::{Markup, RecordRef, Value};

use Mess::{BadValue, Dangling, DuplicateId, MissingId, NonAscii, Quotes, Ragged};

pub(super) const ATTACHMENTS: &[&str] = &[
    "id",
    "file_name",
    "path_or_url",
    "size_bytes",
    "content_type",
    "sha256",
    "parent_type",
    "parent_id",
    "uploaded_at",
    "owner_id",
];
pub(super) const TAGS: &[&str] = &["tag", "object_type", "object_id"];

/// Characters of an over-long note: more than any destination takes in a note, though fewer than a page of the export.
const OVERLONG: usize = 110_000;

/// Names that file systems, forms and headers stumble over.
const ODD_NAMES: [&str; 9] = [
    "résumé «final».pdf",
    "two  spaces .txt",
    "no-extension",
    ".hidden",
    "semi;colon,comma.csv",
    "quote\"d.txt",
    "証拠 🎉.png",
    "CON.txt",
    "percent%20%41.txt",
];

impl AllegoryExport {
    /// The note of that number on any kind of record. Of every fifty one repeats the one before it, and of every forty
    /// one is over-long.
    pub(super) fn note_on_anything(&self, number: u64) -> Made {
        let twin = if number % 50 == 2 { number - 1 } else { number };
        let mess = [Dangling, BadValue, NonAscii, Quotes, Ragged, MissingId, DuplicateId];
        let (mut rng, mess) = self.rng(4, twin, &mess);
        let mut made = Draft::new("notes", format!("n{number}"), mess);
        let words = match mess {
            Some(NonAscii) => format!("Möte {twin} 会議"),
            Some(Quotes) => format!("She said \"yes\", twice\n{twin}"),
            _ => format!("{} call about {} {twin}", rng.pick(&WORDS), rng.pick(&TRADES)),
        };
        let mentions = rng.chance(0.3);
        let format = *rng.pick(&["html", "text", "markdown"]);
        let mut body = match (format, mentions) {
            ("html", true) => format!("<p>{words}</p><p>See <span class=\"mention\">@User 1</span> &amp; @bo</p>"),
            ("html", false) => format!("<p>{words}</p><ul><li>one<li>two</ul>"),
            ("markdown", true) => format!("**{words}**\n\n- ask @[User 1](u1)"),
            ("markdown", false) => format!("# {words}\n\n1. one\n2. [two](https://a.example/)"),
            (_, true) => format!("{words} @bo"),
            _ => words,
        };
        if number % 40 == 39 {
            body.extend(std::iter::repeat_n(" lorem ipsum", OVERLONG / 12));
        }
        match format {
            "html" => made.rich("body", Markup::Html, &body),
            "markdown" => made.rich("body", Markup::Markdown, &body),
            _ => made.text("body", &body),
        }
        made.created(twin + 5);
        let author = format!("u{}", 1 + rng.below(self.known_users()));
        made.record.links.push(("author_id".into(), RecordRef::new("users", author.as_str())));
        let (kind, parent) = self.parent(&mut made, &mut rng, mess, &[]);
        let cells = vec![made.id(), body, format.to_owned(), author, kind, parent, time(twin + 5)];
        made.done(cells)
    }

    /// The attachment of that number. The third is a little smaller than the limit, the fourth as large as the limit, the
    /// fifth a little larger.
    pub(super) fn attachment(&self, number: u64) -> Made {
        use Mess::{FileDigest, FileMissing, FileOutside, FileRemote, FileSize, NoOwner, OwnerUnknown};
        let mess = [
            Dangling,
            BadValue,
            FileMissing,
            FileSize,
            FileDigest,
            FileOutside,
            FileRemote,
            OwnerUnknown,
            NoOwner,
            Ragged,
            MissingId,
            DuplicateId,
        ];
        let (mut rng, mess) = self.rng(11, number, &mess);
        let mut made = Draft::new("attachments", format!("f{number}"), mess);
        let (ending, kind) =
            *rng.pick(&[("pdf", "application/pdf"), ("txt", "text/plain"), ("png", "image/png"), ("docx", "")]);
        let name = match number % 6 {
            2 => ODD_NAMES[(number / 6) as usize % ODD_NAMES.len()].to_owned(),
            // The same name in several folders.
            4 => "scan.pdf".to_owned(),
            5 if number % 12 == 5 => format!("{}.txt", "long".repeat(50)),
            _ => format!("exhibit {number}.{ending}"),
        };
        made.text("file_name", &name);
        made.text("content_type", kind);
        let step = self.file_limit / 250;
        let hole = match number {
            3 => Some(self.file_limit - step),
            4 => Some(self.file_limit),
            5 => Some(self.file_limit + step),
            _ => None,
        };
        let length = 1 + rng.below(4_096);
        let mut bytes = SplitMix64::of(self.seed, 111, number);
        let content: Vec<u8> = (0..length).map(|_| bytes.next_u64() as u8).collect();
        let digest = hex(&content);
        let size = hole.unwrap_or(length);
        let readable = |made: &mut Draft, content: Content, sha256: Option<String>| {
            made.record.file = Some(Box::new(ExpectedFile { name: name.clone(), bytes: size, sha256 }));
            made.file(&name, content);
        };
        let trouble = |made: &mut Draft, trouble: Trouble| made.record.troubles.push(trouble);
        let mut path = format!("attachments/f{number}/{name}");
        let (mut declared, mut sha256) = (size, digest.clone());
        match (mess, hole) {
            (_, Some(bytes)) => {
                sha256.clear();
                readable(&mut made, Content::Hole(bytes), None);
            }
            (Some(FileMissing), _) => trouble(&mut made, Trouble::FileMissing),
            (Some(FileSize), _) => {
                declared += 7;
                made.file(&name, Content::Bytes(content));
                trouble(&mut made, Trouble::FileSize);
            }
            (Some(FileDigest), _) => {
                sha256 = hex(b"other bytes");
                made.file(&name, Content::Bytes(content));
                trouble(&mut made, Trouble::FileDigest);
            }
            (Some(FileOutside), _) => {
                path = format!("../outside-{number}.txt");
                trouble(&mut made, Trouble::FileOutside);
            }
            (Some(FileRemote), _) => {
                path = format!("https://files.example/{number}");
                trouble(&mut made, Trouble::FileRemote);
            }
            _ => readable(&mut made, Content::Bytes(content), Some(digest)),
        }
        made.field("size_bytes", Value::Int(declared as i64));
        made.field("uploaded_at", Value::Timestamp(super::record::moment(number + 9)));
        let (parent_type, parent) = self.parent(&mut made, &mut rng, mess, &["note"]);
        let owner = self.owner(&mut made, &mut rng, mess);
        // Every other row leaves the path to the layout.
        if path.starts_with("attachments/") && number.is_multiple_of(2) {
            path.clear();
        }
        let cells = vec![
            made.id(),
            name.clone(),
            path,
            declared.to_string(),
            kind.to_owned(),
            sha256,
            parent_type,
            parent,
            time(number + 9),
            owner,
        ];
        made.done(cells)
    }

    /// How many tags there are: no record has one twice.
    pub(super) fn tag_count(&self) -> u64 {
        self.tags.min(3 * self.companies.min(self.contacts).min(self.deals))
    }

    /// The tag of that number, on companies, contacts and deals in turn.
    pub(super) fn tag(&self, number: u64) -> Made {
        let (mut rng, mess) = self.rng(12, number, &[Dangling, BadValue, Ragged, MissingId, DuplicateId]);
        let kind = ["company", "contact", "deal"][number as usize % 3];
        let tag = *rng.pick(&["VIP", "vip", "Pro bono", "Möte; extern", "M&A"]);
        let target = self.one(kind, (number - 1) / 3 + 1);
        let (kind, id) = match mess {
            Some(BadValue) => ("matterhorn", format!("x{number}")),
            Some(Dangling) => (kind, format!("gone-{number}")),
            _ => (kind, target.record.key.id.to_string()),
        };
        let mut made = Draft::new("tags", format!("{tag}:{kind}:{id}"), mess);
        made.text("tag", tag);
        match mess {
            // Every kind of parent is in doubt then; the first stands for all.
            Some(BadValue) => made.doubt("company_id", &id),
            Some(Dangling) => made.dangling(&format!("{kind}_id"), &id),
            _ => self.link_to(&mut made, kind, (number - 1) / 3 + 1),
        };
        made.done(vec![tag.to_owned(), kind.to_owned(), id])
    }

    /// The parent of a note or an attachment: its kind and id.
    fn parent(
        &self,
        made: &mut Draft,
        rng: &mut SplitMix64,
        mess: Option<Mess>,
        more: &[&'static str],
    ) -> (String, String) {
        let kinds = ["company", "contact", "deal", "lead", "task", "call", "email", "meeting", "hearing"];
        let kinds: Vec<_> = kinds.iter().chain(more).copied().filter(|kind| self.count(kind) > 0).collect();
        let (kind, id) = match (mess, kinds.is_empty()) {
            (Some(BadValue), _) | (_, true) => ("matterhorn", made.doubt("company_id", "x1")),
            (Some(Dangling), _) => ("deal", made.dangling("deal_id", "d-gone")),
            _ => {
                let kind = *rng.pick(&kinds);
                (kind, self.link_to(made, kind, 1 + rng.below(self.count(kind))))
            }
        };
        (kind.to_owned(), id)
    }
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
