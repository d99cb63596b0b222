//! The text of the statements behind lists of refunds.

use super::refund_list::{RefundFilter, Way};
use crate::store::engine::driver::Value;

/// A statement whose conditions depend on what was asked; values are only ever bound.
pub(super) struct Query<'a> {
    pub text: String,
    pub params: Vec<Value<'a>>,
}

impl<'a> Query<'a> {
    pub fn new(head: &str) -> Self {
        Self {
            text: head.to_owned(),
            params: Vec::new(),
        }
    }

    /// The ids of the newest so many that a way finds before the cursor.
    pub fn candidates(&mut self, way: &'a Way, filter: &'a RefundFilter, examined: i64) {
        match way {
            Way::Groups(groups) => {
                self.text.push_str("SELECT id FROM (");
                for (number, group) in groups.iter().enumerate() {
                    if number > 0 {
                        self.text.push_str(" UNION ALL ");
                    }
                    self.text
                        .push_str("SELECT id FROM (SELECT id FROM refunds WHERE 1 = 1");
                    self.condition("provider", "=", group.provider.as_str().into());
                    self.condition("account", "=", group.account.as_str().into());
                    self.condition("status", "=", group.status.as_str().into());
                    self.newest(filter, examined);
                    self.text.push_str(") AS found");
                }
                self.text.push_str(") AS found ORDER BY id DESC LIMIT ");
                self.param(examined.into());
            }
            Way::Questions => {
                self.text
                    .push_str("SELECT id FROM refunds WHERE attention <> '[]'");
                self.newest(filter, examined);
            }
            Way::ByNumber | Way::ByUpdate(_) | Way::Newest => {
                self.text.push_str("SELECT id FROM refunds WHERE 1 = 1");
                self.newest(filter, examined);
            }
        }
    }

    fn newest(&mut self, filter: &'a RefundFilter, examined: i64) {
        if let Some(before) = &filter.before {
            self.condition("id", "<", before.as_bytes().into());
        }
        self.text.push_str(" ORDER BY id DESC LIMIT ");
        self.param(examined.into());
    }

    /// One condition for each filter but that for open questions.
    pub fn conditions(&mut self, filter: &'a RefundFilter) {
        for (column, value) in [
            ("refunds.provider", &filter.provider),
            ("refunds.account", &filter.account),
            ("refunds.order_no", &filter.order_no),
            ("refunds.refund_no", &filter.refund_no),
            ("refunds.provider_refund_no", &filter.provider_refund_no),
        ] {
            if let Some(value) = value {
                self.condition(column, "=", value.as_str().into());
            }
        }
        if let Some(status) = filter.status {
            self.condition("refunds.status", "=", status.as_str().into());
        }
        if let Some(moment) = filter.updated_after {
            self.condition("refunds.updated_at", ">", moment.as_millis().into());
        }
        if let Some(before) = &filter.before {
            self.condition("refunds.id", "<", before.as_bytes().into());
        }
    }

    pub fn questions(&mut self, any: Option<bool>, pattern: Option<&'a str>) {
        match any {
            Some(true) => self.text.push_str(" AND refunds.attention <> '[]'"),
            Some(false) => self.text.push_str(" AND refunds.attention = '[]'"),
            None => {}
        }
        if let Some(pattern) = pattern {
            self.text.push_str(" AND refunds.attention <> '[]'");
            self.condition("refunds.attention", "LIKE", pattern.into());
        }
    }

    fn condition(&mut self, column: &str, operator: &str, value: Value<'a>) {
        for part in [" AND ", column, " ", operator, " "] {
            self.text.push_str(part);
        }
        self.param(value);
    }

    pub fn param(&mut self, value: Value<'a>) {
        self.params.push(value);
        self.text.push('$');
        self.text.push_str(&self.params.len().to_string());
    }
}
