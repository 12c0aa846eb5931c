"""Reference pictures: what fused ones should look like, where somebody knows it."""

from pathlib import Path

from imfuse.errors import PairMismatch, UsageError
from imfuse.io.images import read_image
from imfuse.io.naming import name_key
from imfuse.io.pairs import list_images
from imfuse.types import Picture


class References:
    """Reference pictures in a file, or in a folder under the names of the fused ones.

    Args:
        path: The file, for one fused picture; the folder, for a folder of them.
        folder: Whether a folder of pictures is scored.

    Raises:
        UsageError: There is nothing at the path, or a file for a folder, or a folder for a file.
        ImfuseError: The folder can't be listed, or holds no pictures.
    """

    def __init__(self, path: Path, *, folder: bool) -> None:
        if not path.exists():
            raise UsageError(f"there is no reference {path}", remedy="Check the path.")
        if folder != path.is_dir():
            raise UsageError(
                f"the reference {path} is a {'file' if folder else 'folder'}",
                expected="a folder for a folder, a file for a file",
            )
        self.path = path
        self._files = {name_key(file): file for file in list_images(path)} if folder else None

    def find(self, fused: Picture, file: Path) -> Picture:
        """Return the reference of a fused picture.

        Args:
            fused: The fused picture.
            file: Its file.

        Raises:
            PairMismatch: There is none, or one of another size.
            ImfuseError: It can't be read.
        """
        found = self.path if self._files is None else self._files.get(name_key(file))
        if found is None:
            raise PairMismatch(
                f"there is no reference of this name in {self.path}",
                file=file,
                remedy="Name the references as the fused pictures.",
            )
        reference = read_image(found)
        if reference.size != fused.size:
            raise PairMismatch(
                f"the reference has {reference.extent}",
                file=file,
                expected=f"{fused.extent}, as the fused picture",
                remedy="Resize the reference, or give the right one.",
            )
        return reference
