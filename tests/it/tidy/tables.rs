//! What the rules of the tree allow, each exception with its reason.

/// Longest file; most are far shorter.
pub const LINES_MAX: usize = 400;

/// A module and the modules that it may import, as in the table of `docs/ARCHITECTURE.md`. Everything
/// else is forbidden, a new module too.
pub const MAY_KNOW: [(&str, &[&str]); 23] = [
    ("domain", &[]),
    ("crypto", &[]),
    ("failpoints", &[]),
    ("telemetry", &[]),
    ("api", &["domain"]),
    ("outbound", &[]),
    ("providers", &["crypto", "domain"]),
    ("store", &["domain"]),
    ("rejected", &["domain", "store"]),
    ("intake", &["api", "crypto", "domain", "providers", "store"]),
    (
        "requests",
        &[
            "crypto",
            "domain",
            "intake",
            "outbound",
            "providers",
            "store",
        ],
    ),
    (
        "decisions",
        &["crypto", "domain", "intake", "requests", "store"],
    ),
    ("audit", &["crypto", "domain", "providers", "store"]),
    ("reconcile", &["crypto", "domain", "store"]),
    ("feed", &["domain", "store"]),
    ("push", &["crypto", "domain", "feed", "outbound", "store"]),
    ("explain", &["api", "domain", "providers", "store"]),
    ("diagnosis", &["crypto", "domain", "providers"]),
    ("sandbox", &["crypto", "domain", "outbound", "providers"]),
    (
        "config",
        &["crypto", "domain", "providers", "push", "rejected", "store"],
    ),
    (
        "http",
        &[
            "api",
            "config",
            "crypto",
            "decisions",
            "domain",
            "explain",
            "feed",
            "intake",
            "providers",
            "push",
            "rejected",
            "requests",
            "store",
            "telemetry",
        ],
    ),
    (
        "console",
        &[
            "api",
            "config",
            "crypto",
            "decisions",
            "diagnosis",
            "domain",
            "explain",
            "http",
            "outbound",
            "push",
            "reconcile",
            "rejected",
            "requests",
            "store",
        ],
    ),
    ("fuzz", &["crypto", "domain", "http", "providers"]),
];
/// Composes the modules, so it imports all of them; no module imports it.
pub const COMPOSITION: [&str; 3] = ["cli", "main", "bin"];
/// Any module may have failpoints.
pub const SHARED: &str = "failpoints";

/// A crate and the only paths that may use it.
pub const CRATES: [(&str, &[&str]); 20] = [
    ("fail", &["src/failpoints.rs"]),
    ("stats_alloc", &["src/bin/refund-receiver-faulty.rs"]),
    ("actix_web", &["src/http/", "src/cli/", "src/console/"]),
    ("askama", &["src/console/"]),
    ("rusqlite", &["src/store/engine/sqlite/"]),
    ("tokio_postgres", &["src/store/engine/postgres/"]),
    ("tokio_postgres_rustls", &["src/store/engine/postgres/"]),
    // In TLS as the provider that rustls is given.
    (
        "aws_lc_rs",
        &["src/crypto/", "src/store/engine/postgres/connect/tls.rs"],
    ),
    ("rsa", &["src/crypto/"]),
    ("sha2", &["src/crypto/"]),
    ("utoipa", &["src/api/", "src/http/"]),
    (
        "quick_xml",
        &["src/providers/epay/", "src/providers/nmanagement/"],
    ),
    ("bson", &["src/providers/epay/"]),
    (
        "anyhow",
        &["src/cli/", "src/outbound/client.rs", "src/sandbox/"],
    ),
    ("prometheus_client", &["src/telemetry/"]),
    (
        "ureq",
        &[
            "src/outbound/",
            "src/push/delivery.rs",
            "src/push/headers.rs",
        ],
    ),
    ("csv", &["src/reconcile/"]),
    ("multer", &["src/console/form.rs"]),
    // No body of a request or an answer is decompressed.
    ("flate2", &["src/reconcile/", "src/sandbox/server/"]),
    (
        "rustix",
        &["src/cli/storage/backup/", "src/cli/serve/listen.rs"],
    ),
];

/// Words that no engineer greps for; the terms of the field stand for them. Checked in comments, pages and texts.
pub const NOT_OURS: [&str; 12] = [
    "whoever",
    "nobody",
    "somebody",
    "anybody",
    "beside",
    "meanwhile",
    "of late",
    "in trouble",
    "patience",
    "the money goes on",
    "dearest",
    "courier",
];
/// Widest line of a comment.
pub const COMMENT_WIDTH_MAX: usize = 120;

/// Only here may a refund, a close-out or an event be written.
pub const WRITERS: [&str; 3] = ["src/intake/", "src/requests/", "src/store/"];
pub const WRITES: [&str; 6] = [
    ".insert_refund(",
    ".save_refund(",
    ".insert_close_out(",
    ".save_close_out(",
    ".append_event(",
    ".apply_callback(",
];

/// Files that hold SQL.
pub const SQL: [&str; 7] = [
    // Each statement in the method that binds it.
    "src/store/tables/",
    "src/store/schema/",
    // Its transactions, pragmas and catalogue.
    "src/store/engine/sqlite/",
    // Copies every table that the schema has.
    "src/store/copy/",
    // Its settings and catalogue, and the feed's counter as another connection sees it.
    "src/store/engine/postgres/",
    // A file of its own with one table of its own.
    "src/rejected/",
    // Creates foreign databases.
    "src/store/tests.rs",
];

/// Warnings and errors that need no limit: one for each new authentic callback, or one a process.
pub const RARE_LINES: [&str; 5] = [
    "an EPay report cannot be read",
    "a member of an authentic callback cannot be used",
    "the backlog of an earlier process",
    "the store's writer panicked",
    // Only the first of a row of failures.
    "metrics show what the store said before",
];
