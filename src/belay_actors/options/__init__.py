"""Settings: frozen records, and ways to load them."""

from belay_actors.options._loading import (
    options_from_environment as options_from_environment,
    options_from_mapping as options_from_mapping,
    options_from_toml as options_from_toml,
)
from belay_actors.options._records import (
    DeviceOptions as DeviceOptions,
    SessionManagementOptions as SessionManagementOptions,
    Upload as Upload,
)
