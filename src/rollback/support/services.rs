//! The services of a world, as procedures that name some of them need to know them.

use crate::effect::ServiceId;

/// Names and numbers of services.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Services {
    /// Names, by [`ServiceId`].
    pub names: Vec<String>,
    /// The one that is rolled out.
    pub target: ServiceId,
}

impl Default for Services {
    /// No service has a name.
    fn default() -> Self {
        Services { names: Vec::new(), target: ServiceId(0) }
    }
}

impl Services {
    /// The service of this name.
    pub fn id(&self, name: &str) -> Option<ServiceId> {
        let index = self.names.iter().position(|known| known == name)?;
        u16::try_from(index).ok().map(ServiceId)
    }
}
