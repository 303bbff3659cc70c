"""What a page from a cluster must say of a made-up service that leaks."""


def assert_names(test, page, service, region, namespace, pod):
    """Workload, region, version, pod, type, line and time to OOM."""
    labels, said = page["commonLabels"], page["commonAnnotations"]
    test.assertEqual(labels["workload"], service.workload)
    test.assertEqual(labels["kind"], "Deployment")
    test.assertEqual(labels["namespace"], namespace)
    test.assertEqual(said["region"], region)
    test.assertEqual(said["version"], service.version)
    test.assertIn(f"kubectl -n {namespace} label pod {pod} app-", said["do_now"])
    test.assertTrue(said["what"].startswith(service.type_name + " "))
    test.assertIn(f"{service.module}.py:{service.line} {service.function}",
                  said["made_at"])
    test.assertIn("OOM in ", said["summary"])
