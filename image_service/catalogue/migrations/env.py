"""What Alembic runs: migrations on the connection that migrate.upgrade() hands over."""

from alembic import context

from image_service.catalogue.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite cannot alter most of a table in place
    transactional_ddl=True,
)
context.run_migrations()
