"""Pure calculations: values or tables in, values or tables out."""
