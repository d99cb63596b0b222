//! Authentic callbacks that are not about refunds: counted, and logged at most once a minute. A provider may send
//! many of them to the same URL.

use std::time::Duration;

use crate::domain::claim::Account;
use crate::http::App;
use crate::store::LogLimit;
use crate::telemetry::AccountLabels;

static TOLD: LogLimit = LogLimit::every(Duration::from_secs(60));

/// Counts and logs a callback that has no effect here.
pub fn note(app: &App, account: &Account) {
    let labels = AccountLabels {
        provider: account.provider.clone(),
        account: account.name.clone(),
    };
    app.metrics.questions.elsewhere.get_or_create(&labels).inc();
    if let Some(kept_back) = TOLD.may_say() {
        tracing::info!(
            provider = account.provider,
            account = account.name,
            since_the_last_line = kept_back + 1,
            "a callback that is not about a refund was acknowledged; it has no effect"
        );
    }
}
