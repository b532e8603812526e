"""Everything about a served model: releases, the embedded server, the client."""
