//! How many megabytes a second does an export folder read and profile, beside the plain `csv` crate reading the same bytes?
//!
//! `csv [MEGABYTES] [ROUNDS]`; 200 and 5 unless told. One thread works at a time, so megabytes a second are those of a core.

use std::{env, fs, io::Write, path::Path, sync::Arc, time::Instant};

use crmkit_benches::{Failure, median};
use crmkit_core::{
    AuditOptions, PageRequest, SourceConnector,
    testing::{ManualClock, MockDestination},
};
use crmkit_sources::allegory::ExportFolder;

/// Megabytes a second that reading with full profiling should reach on a core.
const BAR: f64 = 100.0;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let mut arguments = env::args().skip(1);
    let megabytes: usize = arguments.next().map_or(Ok(200), |count| count.parse())?;
    let rounds: usize = arguments.next().map_or(Ok(5), |rounds| rounds.parse())?;
    let folder = tempfile::tempdir()?;
    let (bytes, rows) = write(&folder.path().join("contacts.csv"), megabytes << 20)?;
    println!("{bytes} bytes, {rows} rows, {rounds} rounds");
    let [mut plain, mut described, mut read, mut audited] = [const { Vec::new() }; 4];
    for _ in 0..rounds {
        let begun = Instant::now();
        assert_eq!(plain_csv(&folder.path().join("contacts.csv"))?, rows);
        plain.push(rate(bytes, begun));

        let export = ExportFolder::open(&folder)?;
        let begun = Instant::now();
        assert_eq!(export.describe().await?.counts["contacts"], rows);
        described.push(rate(bytes, begun));

        let begun = Instant::now();
        assert_eq!(pages(&export).await?, rows);
        read.push(rate(bytes, begun));

        let destination = MockDestination::crm(Arc::new(ManualClock::jumping()));
        let export = ExportFolder::open(&folder)?;
        let begun = Instant::now();
        let audit = crmkit_core::audit(&export, &destination, &AuditOptions::default()).await?;
        assert_eq!(audit.objects["contacts"].records, rows);
        audited.push(rate(bytes, begun));
    }
    let [plain, described, read, audited] = [plain, described, read, audited].map(median);
    println!("the csv crate            {plain:6.0} MB/s");
    println!("describe, with a profile {described:6.0} MB/s, {:.2} of the csv crate", described / plain);
    println!("pages of records         {read:6.0} MB/s, {:.2} of the csv crate", read / plain);
    println!("a whole audit            {audited:6.0} MB/s, {:.2} of the csv crate", audited / plain);
    println!("describe over the bar of {BAR}: {:.2}; a whole audit: {:.2}", described / BAR, audited / BAR);
    Ok(())
}

#[allow(clippy::cast_precision_loss, reason = "counts of bytes are far below 2^52")]
fn rate(bytes: u64, begun: Instant) -> f64 {
    bytes as f64 / 1e6 / begun.elapsed().as_secs_f64()
}

/// Contacts as a CRM exports them: some quoted cells, some empty ones, custom fields, a note.
fn write(path: &Path, least: usize) -> Result<(u64, u64), Failure> {
    let mut file = std::io::BufWriter::new(fs::File::create(path)?);
    let header = "id,first_name,last_name,email,phone,job_title,address_street,address_city,company_id,created_at,cf_tier,cf_score,cf_note\n";
    file.write_all(header.as_bytes())?;
    let (mut bytes, mut rows) = (header.len(), 0_u64);
    while bytes < least {
        let row = format!(
            "c{rows:07},Ann{},Berg{},ann{rows}@company{}.example,+46 70 {rows:07},{},\"Main Street {}, floor {}\",Malmö,f{},\
            2024-0{}-1{}T08:00:00Z,{},{}.{:02},\"She asked about the offer; call back in week {}, not before.\"\n",
            rows % 97,
            rows % 89,
            rows % 5_000,
            ["Buyer", "CEO", "", "Head of Sales"][(rows % 4) as usize],
            rows % 200,
            rows % 9,
            rows % 20_000,
            rows % 9 + 1,
            rows % 10,
            ["Gold", "Silver", "Bronze"][(rows % 3) as usize],
            rows % 1_000,
            rows % 100,
            rows % 52,
        );
        file.write_all(row.as_bytes())?;
        bytes += row.len();
        rows += 1;
    }
    file.flush()?;
    Ok((bytes as u64, rows))
}

/// What the least that any reader has to do costs.
fn plain_csv(path: &Path) -> Result<u64, Failure> {
    let mut reader = csv::Reader::from_path(path)?;
    let (mut record, mut rows) = (csv::ByteRecord::new(), 0);
    while reader.read_byte_record(&mut record)? {
        rows += 1;
    }
    Ok(rows)
}

async fn pages(export: &ExportFolder) -> Result<u64, Failure> {
    let mut request = PageRequest::first("contacts", 1_000);
    let mut records = 0;
    loop {
        let page = export.read(&request).await?;
        records += page.items.len() as u64;
        match page.next {
            Some(next) => request = request.at(next),
            None => return Ok(records),
        }
    }
}
