//! The columns of a row type, declared once: a macro with their list, for a statement, and a struct with the
//! position of each in the answer, for reading it. A column that nothing reads is a warning.
//!
//! ```text
//! columns!(payment_columns, PaymentColumns: T_SP_YD_DSFZF { trandeno, amount });
//!
//! const SQL: &str = concat!("-- payments\nSELECT ", payment_columns!(), " FROM T_SP_YD_DSFZF");
//! const COLUMN: PaymentColumns = PaymentColumns::from(0);
//! amount(row.text(COLUMN.amount)?)
//! ```
//!
//! A field whose name differs from its column is written `kind = type`. `tests/it/plans.rs` reads these
//! declarations, too: one a row type, as above.

/// See the module.
macro_rules! columns {
    ($list:ident, $positions:ident: $table:ident {
        $first:ident $(= $first_column:ident)? $(, $field:ident $(= $column:ident)?)* $(,)?
    }) => {
        macro_rules! $list {
            () => {
                concat!(
                    stringify!($table), ".", column_name!($first $(= $first_column)?)
                    $(, ", ", stringify!($table), ".", column_name!($field $(= $column)?))*
                )
            };
        }

        struct $positions {
            $first: usize,
            $($field: usize,)*
        }

        impl $positions {
            /// Where this column of the answer is the first.
            const fn from(start: usize) -> Self {
                Self::up_to(start).0
            }

            /// The same, and the position after the last.
            const fn up_to(start: usize) -> (Self, usize) {
                let ($first, end) = (start, start + 1);
                $(let ($field, end) = (end, end + 1);)*
                (Self { $first, $($field,)* }, end)
            }
        }
    };
}

/// The name of the column that a field of [`columns`] is read from.
macro_rules! column_name {
    ($field:ident) => {
        stringify!($field)
    };
    ($field:ident = $column:ident) => {
        stringify!($column)
    };
}
