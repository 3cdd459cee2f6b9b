-- A reader that starts a new numbering takes only what is in force, so deletions of the old one need not be told.
DELETE FROM down_document WHERE node = $1 AND deleted
