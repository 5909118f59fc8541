output "url" {
  description = "Where the service answers."
  value       = google_cloud_run_v2_service.baton.uri
}

output "bucket" {
  description = "Where archives of runs are kept."
  value       = google_storage_bucket.runs.name
}

output "service_account" {
  description = "As whom the service works."
  value       = google_service_account.baton.email
}

output "revision" {
  description = "The newest revision; the stable one, when the next image comes as a canary."
  value       = google_cloud_run_v2_service.baton.latest_ready_revision
}
