"""Documents that leave Vigie: figures and pages, and the forms that the law prescribes. Knows nothing of HTTP."""
