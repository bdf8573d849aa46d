"""A registry file that is written whole or not at all; `registry_store_type` in feature_store.yaml names the class."""

import errno
import os
from typing import Any

from feast.infra.registry.file import FileRegistryStore
from feast.repo_config import RegistryConfig

from features.files import atomic_write


class AtomicFileRegistryStore(FileRegistryStore):  # type: ignore[misc] # Feast comes without types
    """Feast's registry in a file, replaced by a rename.

    Feast empties the file before it writes it, and does not notice when a full disk takes only a part: a reader, and
    every command after a killed `feast apply`, finds a truncated registry.
    """

    def _write_registry(self, registry_proto: Any) -> None:
        """Write the registry.

        Raises:
            InputError: the file cannot be written; it is then as it was.
        """
        with atomic_write(self._filepath) as fresh:
            config = RegistryConfig(path=str(fresh.absolute()))
            FileRegistryStore(config, fresh.parent)._write_registry(registry_proto)  # noqa: SLF001
            if fresh.stat().st_size != registry_proto.ByteSize():
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(fresh))
