//! How long does the planner take to put mappings in order, and does it stay so with many?
//!
//! `planner [MAPPINGS] [ROUNDS]`; 1,000 and 5 unless told. Each mapping links to three before it, every tenth also to the one after
//! it, which makes circles that have to be opened. Beside it, a plain loop orders the same links without the circles; it only
//! counts, and knows no plan, schema or phases.

use std::{env, hint::black_box, time::Instant};

use crmkit_benches::{Failure, median};
use crmkit_core::{Destination, FieldSchema, FieldType, ObjectConcept, ObjectSchema, PhaseTask, Plan};
use serde_json::json;

#[allow(clippy::cast_precision_loss, reason = "counts of mappings are far below 2^52")]
fn main() -> Result<(), Failure> {
    let mut arguments = env::args().skip(1);
    let many: usize = arguments.next().map_or(Ok(1_000), |count| count.parse())?;
    let rounds: usize = arguments.next().map_or(Ok(5), |rounds| rounds.parse())?;
    println!("{rounds} rounds");
    let mut per_mapping = Vec::new();
    for count in [10, many / 10, many] {
        let (plan, destination) = (plan(count)?, destination(count));
        let phases = plan.phases(&destination).map_err(|problem| format!("{problem:?}"))?;
        let waiting = phases.iter().filter(|phase| phase.task == PhaseTask::Link).count();
        let (mut plans, mut orders) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            plans.push(seconds(count, || plan.phases(black_box(&destination)).is_ok()));
            orders.push(seconds(count, || plain(black_box(count)) == count));
        }
        let (planned, ordered) = (median(plans), median(orders));
        let each = planned / count as f64 * 1e6;
        println!(
            "  {count:5} mappings: {:8.3} ms, {each:6.2} \u{b5}s a mapping, {:5.1} times the plain loop; {} phases, {waiting} of links",
            planned * 1e3,
            planned / ordered,
            phases.len(),
        );
        per_mapping.push(each);
    }
    if let [_, few, many] = per_mapping[..] {
        println!("time a mapping, at ten times the mappings: {:.2}", many / few);
    }
    Ok(())
}

/// Seconds of one call, of as many as make about twenty thousand mappings.
#[allow(clippy::cast_precision_loss, reason = "counts of mappings are far below 2^52")]
fn seconds(count: usize, call: impl Fn() -> bool) -> f64 {
    let times = (20_000 / count).max(1);
    let begin = Instant::now();
    for _ in 0..times {
        assert!(black_box(call()));
    }
    begin.elapsed().as_secs_f64() / times as f64
}

/// Where the mapping links to.
fn links(at: usize, count: usize) -> Vec<usize> {
    let mut links: Vec<usize> = [at.checked_sub(1), Some(at / 2), Some(at / 3)].into_iter().flatten().collect();
    links.retain(|to| *to < at);
    links.dedup();
    if at % 10 == 5 && at + 1 < count {
        links.push(at + 1);
    }
    links
}

fn plan(count: usize) -> Result<Plan, Failure> {
    let line = |at, to| json!({"id": format!("{at}.{to}"), "from": [format!("l{to}")], "to": format!("l{to}"), "link": format!("m{to}")});
    let mapping = |at| {
        let lines: Vec<_> = links(at, count).into_iter().map(|to| line(at, to)).collect();
        json!({"id": format!("m{at}"), "from": format!("s{at}"), "to": format!("o{at}"), "fields": lines})
    };
    let mut plan =
        Plan::new(serde_json::from_value(json!({"kind": "mock"}))?, serde_json::from_value(json!({"kind": "mock"}))?);
    for at in 0..count {
        plan.mappings.push(serde_json::from_value(mapping(at))?);
    }
    Ok(plan)
}

fn destination(count: usize) -> Destination {
    let object = |at| {
        let object = ObjectSchema::new(format!("o{at}"), "", ObjectConcept::CustomObject);
        links(at, count).into_iter().fold(object, |object, to| {
            object.with(FieldSchema::new(format!("l{to}"), "", FieldType::link(format!("o{to}"))))
        })
    };
    let mut destination = Destination::new("mock", "1");
    destination.schema = (0..count).map(object).collect();
    destination
}

/// How many mappings come in order, each after those it links to.
fn plain(count: usize) -> usize {
    let mut left: Vec<usize> = vec![0; count];
    let mut waiting: Vec<Vec<usize>> = vec![Vec::new(); count];
    for (at, left) in left.iter_mut().enumerate() {
        for to in links(at, count).into_iter().filter(|to| *to < at) {
            *left += 1;
            waiting[to].push(at);
        }
    }
    let mut ready: Vec<usize> = (0..count).filter(|at| left[*at] == 0).collect();
    let mut done = 0;
    while let Some(at) = ready.pop() {
        done += 1;
        for next in &waiting[at] {
            left[*next] -= 1;
            if left[*next] == 0 {
                ready.push(*next);
            }
        }
    }
    done
}
