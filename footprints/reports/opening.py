"""From a file as it came to text, sheets or a stream: bounded, told by content, never by name.

    with opened(path, name) as document:
        document.kind          # Container: TEXT, WORKBOOK, XML, JSON, JSON_LINES
        document.name          # as the person called it: for sentences, never for decisions
        document.head          # the first HEAD bytes of the content, unpacked, without a BOM
        document.parts         # names of the content files: one, but for XML and JSON in a zip
        document.rows()        # TEXT: Row, BadLine or Doubt, in order of the file
        document.sheets()      # WORKBOOK: (Sheet(name, rows()), ...)
        document.stream()      # XML, JSON, JSON_LINES: binary file, from the start at each call
        document.stream(part)  # one of ``parts``; without it, the first

``opened`` raises ``Unreadable`` with a sentence for a person: the file is empty, too big, cut
off, encrypted, no text, no archive we know. So may any read from ``rows``, ``sheets`` and
``stream``, since a limit may be passed only then: let it through, and write nothing.

Zip and gzip are unpacked as they are read, nested ones too (TRUD's XML comes as a zip that holds
``fullfile.zip`` and ``archive.zip``, each with one XML file: ``parts`` are then
``("fullfile.zip/HSCOrgRefData_Full_….xml", "archive.zip/HSCOrgRefData_Archive_….xml")``).
A stream reads as ``io.BufferedReader`` does, cannot seek, and is closed by whoever opened it:
``with document.stream() as stream: ...``. It may be opened as often as one likes.
"""
