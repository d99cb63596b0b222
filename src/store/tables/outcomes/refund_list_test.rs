//! Whatever a list asks for, the engine finds it through an index: read from its own plans.

use super::*;
use crate::store::StoreError;
use crate::store::engine::driver::{Driver, EachRow, Value};
use crate::store::engine::sqlite::Sqlite;

/// An empty store that notes how it would answer each query.
struct Planner {
    sqlite: Sqlite,
    plan: Vec<String>,
}

impl Driver for Planner {
    fn has_concurrent_writers(&self) -> bool {
        self.sqlite.has_concurrent_writers()
    }
    fn begin(&mut self) -> Result<(), StoreError> {
        self.sqlite.begin()
    }
    fn begin_snapshot(&mut self) -> Result<(), StoreError> {
        self.sqlite.begin_snapshot()
    }
    fn commit(&mut self) -> Result<(), StoreError> {
        self.sqlite.commit()
    }
    fn rollback(&mut self) {
        self.sqlite.rollback();
    }
    fn execute(&mut self, sql: &str, params: &[Value<'_>]) -> Result<usize, StoreError> {
        self.sqlite.execute(sql, params)
    }
    fn query(
        &mut self,
        sql: &str,
        params: &[Value<'_>],
        each: EachRow<'_>,
    ) -> Result<(), StoreError> {
        let plan = &mut self.plan;
        let explain = format!("EXPLAIN QUERY PLAN {sql}");
        self.sqlite.query(&explain, params, &mut |row| {
            plan.push(row.text(3)?.to_owned());
            Ok(())
        })?;
        self.sqlite.query(sql, params, each)
    }
    fn run_script(&mut self, script: &str) -> Result<(), StoreError> {
        self.sqlite.run_script(script)
    }
    fn count_tables(&mut self, name: Option<&str>) -> Result<i64, StoreError> {
        self.sqlite.count_tables(name)
    }
    fn maintain(&mut self, idle: bool) -> Result<(), StoreError> {
        self.sqlite.maintain(idle)
    }
}

fn plan(filter: &RefundFilter) -> Vec<String> {
    let mut sqlite = Sqlite::in_memory().unwrap();
    sqlite
        .run_script(include_str!("../../../../schema.sql"))
        .unwrap();
    let mut planner = Planner {
        sqlite,
        plan: Vec::new(),
    };
    Snapshot::new(&mut planner).refunds(filter, 50).unwrap();
    planner.plan
}

#[track_caller]
fn expect(index: &str, change: impl FnOnce(&mut RefundFilter)) {
    let mut filter = RefundFilter::default();
    change(&mut filter);
    let plan = plan(&filter);
    let finds = |step: &String| step.contains(&format!("INDEX {index}"));
    assert!(plan.iter().any(finds), "{index} for {filter:?}: {plan:#?}");
    let reads_all = |step: &&String| step.starts_with("SCAN refunds") && !step.contains("INDEX");
    assert_eq!(plan.iter().find(reads_all), None, "{filter:?}");
}

#[test]
fn every_list_is_found_through_an_index_that_fits() {
    let text = str::to_owned;
    let id = "rf_0199ebf0-04d4-79de-a645-9ca09745a1a7".parse().unwrap();
    expect("sqlite_autoindex_refunds_1", |_| {});
    expect("sqlite_autoindex_refunds_1 (id<?)", |f| f.before = Some(id));
    let group = "refunds_grouped (provider=? AND account=? AND status=?";
    expect(group, |f| {
        f.provider = Some(text("payermax"));
        f.account = Some(text("main"));
    });
    expect(&format!("{group} AND id<?)"), |f| {
        f.provider = Some(text("payermax"));
        f.account = Some(text("main"));
        f.status = Some(Status::Pending);
        f.before = Some(id);
    });
    expect("refunds_grouped ((provider,account)>(?,?))", |f| {
        f.status = Some(Status::Succeeded);
    });
    expect("refunds_updated (updated_at>?)", |f| {
        f.updated_after = Some(Timestamp::from_millis(0));
    });
    expect("refunds_order (order_no=?)", |f| {
        f.order_no = Some(text("P-1"));
    });
    expect("refunds_number (refund_no=?)", |f| {
        f.refund_no = Some(text("R-1"));
        f.status = Some(Status::Succeeded);
    });
    expect("refunds_provider_number (provider_refund_no=?)", |f| {
        f.provider_refund_no = Some(text("T-1"));
    });
    expect("refunds_attention", |f| f.attention = Some(true));
    expect("refunds_attention", |f| {
        f.attention_reason = Some(Reason::Conflict);
    });
}

/// Writes as many refunds as this, each older one before a newer one; every hundredth is of `rare`.
fn filled(count: u32) -> Sqlite {
    let mut sqlite = Sqlite::in_memory().unwrap();
    sqlite
        .run_script(include_str!("../../../../schema.sql"))
        .unwrap();
    sqlite
        .run_script(&format!(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count})
             INSERT INTO refunds (id, provider, account, refund_no, received_at, status, attention, updated_at)
             SELECT unhex(printf('%032x', i)), CASE i % 100 WHEN 0 THEN 'rare' ELSE 'usual' END, 'a' || (i % 3), i, i,
               CASE i % 7 WHEN 0 THEN 'failed' ELSE 'succeeded' END, '[]', i FROM n;"
        ))
        .unwrap();
    sqlite
}

/// A filter, and how many of [`filled`] 25 000 fit.
type Asked = (fn(&mut RefundFilter), usize);

#[test]
fn pages_of_any_list_are_together_what_was_asked_for() {
    let mut sqlite = filled(25_000);
    let asked: [Asked; 7] = [
        (|f| f.provider = Some("rare".to_owned()), 250),
        (|f| f.provider = Some("none".to_owned()), 0),
        (
            |f| (f.account, f.status) = (Some("a1".to_owned()), Some(Status::Failed)),
            1_191,
        ),
        (
            |f| (f.provider, f.attention) = (Some("rare".to_owned()), Some(false)),
            250,
        ),
        (
            |f| {
                (f.provider, f.updated_after) =
                    (Some("rare".to_owned()), Some(Timestamp::from_millis(7)));
            },
            250,
        ),
        (|f| f.attention = Some(true), 0),
        (
            |f| (f.attention, f.updated_after) = (Some(false), Some(Timestamp::from_millis(7))),
            24_993,
        ),
    ];
    for (ask, expected) in asked {
        let mut filter = RefundFilter::default();
        ask(&mut filter);
        let found = all_pages(&mut sqlite, &mut filter);
        assert_eq!(found.len(), expected, "{filter:?}");
        assert!(
            found.is_sorted_by(|newer, older| newer > older),
            "{filter:?}"
        );
    }
}

fn all_pages(sqlite: &mut Sqlite, filter: &mut RefundFilter) -> Vec<RefundId> {
    let mut found = Vec::new();
    for _ in 0..200 {
        let page = Snapshot::new(sqlite).refunds(filter, 200).unwrap();
        found.extend(page.rows.into_iter().map(|row| row.refund.id));
        match page.next {
            Some(next) => filter.before = Some(next),
            None => return found,
        }
    }
    panic!("it does not end: {filter:?}");
}
