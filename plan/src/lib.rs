//! A plan: from a load and an objective to parameters of the template, quotas, dollars and a simulated burst.
//!
//! The model calculates and does nothing else: it has no clock, no network and no randomness. [`facts`] contains every
//! constant with its source. [`Plan::of`] combines the stages, in this order:
//!
//! [`load`] ► [`demand`] ► [`choice`] ► [`burst`], and from these [`parameters`], [`quotas`] and [`bill`].

pub mod bill;
pub mod burst;
pub mod choice;
pub mod demand;
pub mod facts;
pub mod load;
pub mod parameters;
pub mod plot;
pub mod quotas;

use bill::Line;
use burst::Outcome;
use choice::Choice;
use demand::Demand;
use load::Load;
use parameters::Parameter;
use quotas::Quota;

/// Everything that the model says about a load.
#[derive(Debug, Clone)]
pub struct Plan {
    /// What one document needs in each stage.
    pub demand: Demand,
    /// The chosen sizes of the stages.
    pub choice: Choice,
    /// The parameters of the template that implement the choice.
    pub parameters: Vec<Parameter>,
    /// The quotas of the account that the load needs.
    pub quotas: Vec<Quota>,
    /// The price of a million documents, line by line.
    pub bill: Vec<Line>,
    /// The burst, second by second.
    pub outcome: Outcome,
}

impl Plan {
    /// The plan for a load.
    #[must_use]
    pub fn of(load: &Load) -> Self {
        let demand = Demand::of(load);
        let (choice, outcome) = Choice::of(load, &demand);
        Self {
            parameters: parameters::of(load, &demand, &choice),
            quotas: quotas::of(load, &demand, &choice),
            bill: bill::of(load, &demand, &choice),
            demand,
            choice,
            outcome,
        }
    }

    /// Whether the burst keeps the objective and no document is refused.
    #[must_use]
    pub fn holds(&self, load: &Load) -> bool {
        self.outcome.refused < 1.0 && self.outcome.max_lag <= load.objective_seconds
    }
}
