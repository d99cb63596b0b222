//! The answer to a reload.

use serde::Serialize;
use utoipa::ToSchema;

/// The new config is in effect.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct Reloaded {
    /// Keys whose new value takes effect with the next restart.
    #[schema(example = json!(["server.listen"]))]
    pub needs_restart: Vec<String>,
    /// What an operator should know of the config.
    pub warnings: Vec<String>,
}
